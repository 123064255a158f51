// One cycle: token, poll, 20 events, exit.

#include <fmt/format.h>

#include <functional>
#include <string>
#include <vector>

#include "bench/classes.h"
#include "bench/stage.h"
#include "bench/table.h"

namespace ohip::bench {
namespace {

constexpr std::size_t kRuns = 21;
constexpr std::size_t kEvents = 20;  // per run

struct Peer {
  std::string name;
  std::function<Sample()> run;
  std::vector<Sample> samples = {};
};

void print_figures(const char* title, const std::vector<Peer>& peers, double Sample::*figure) {
  print_title(title);
  for (const Peer& peer : peers) {
    print_row(peer.name, spread(peer.samples, figure));
  }
}

double ratio(const Peer& a, const Peer& b, double Sample::*figure) {
  return spread(a.samples, figure).median / spread(b.samples, figure).median;
}

enum class Kafka { kSimulated, kReal };

// The targets hold for a new token: the other two fetch one each time, too; and for kafka-sim, in
// whose time nothing but the programs shows.
void print_all(const std::string& where, Kafka kafka, const std::vector<Peer>& peers) {
  const auto target = [kafka](double most) {
    return kafka == Kafka::kSimulated ? std::optional(at_most(most)) : std::nullopt;
  };
  const Peer& cached = peers[0];
  const Peer& fetched = peers[1];
  const Peer& pipeline = peers[2];
  const Peer& floor = peers[3];
  print_figures(fmt::format("one cycle{}, {} runs in turn: wall ms", where, kRuns).c_str(), peers,
                &Sample::wall);
  print_row("new token / pipeline", ratio(fetched, pipeline, &Sample::wall), target(0.35));
  print_row("new token / floor", ratio(fetched, floor, &Sample::wall), target(1.3));
  print_row("token from the cache / floor with a new one", ratio(cached, floor, &Sample::wall));
  print_figures("CPU ms", peers, &Sample::cpu);
  print_row("new token / pipeline", ratio(fetched, pipeline, &Sample::cpu), target(0.25));
  print_row("new token / floor", ratio(fetched, floor, &Sample::cpu));
  print_title("peak memory MiB (of the pipeline: its largest process)");
  for (const Peer& peer : peers) {
    const bool ours = &peer == &cached || &peer == &fetched;
    print_row(peer.name, spread(peer.samples, &Sample::memory),
              ours ? std::optional(at_most(24)) : std::nullopt);
  }
}

void run_in_turn(Stage& stage, const std::string& where, Kafka kafka = Kafka::kSimulated) {
  std::vector<Peer> peers = {
      {"ohip-poll, token from its cache", [&] { return stage.poll({"--once"}); }},
      {"ohip-poll, new token",
       [&] {
         stage.forget_token();
         return stage.poll({"--once"});
       }},
      {"pipeline of curl, jq and kcat", [&] { return measure({PIPELINE}, stage.environment); }},
      {"floor: libcurl and librdkafka, no care",
       [&] { return measure({FLOOR}, stage.environment); }},
  };
  for (const Peer& peer : peers) {
    peer.run();  // once for the caches of the system, and for ohip-poll's own
  }
  for (std::size_t i = 0; i < kRuns; ++i) {
    for (Peer& peer : peers) {
      peer.samples.push_back(peer.run());
    }
  }
  stage.expect_all_delivered();
  print_all(where, kafka, peers);
}

std::vector<std::string> filled() {
  return {"--hotel", kHotel, "--events", std::to_string((kRuns + 1) * 4 * kEvents)};
}

}  // namespace

void cycle(bool /*quick*/) {
  Stage stage(filled());
  run_in_turn(stage, "");
}

void cycle_kafka(bool /*quick*/) {
  if (test::Broker* const kafka = real_kafka()) {
    Stage stage(filled(), kafka);
    run_in_turn(stage, ", a real Kafka", Kafka::kReal);
  }
}

void cycle_tls(bool /*quick*/) {
  std::vector<std::string> options = filled();
  options.emplace_back("--tls");
  Stage stage(options);
  run_in_turn(stage, ", OHIP over TLS");
}

}  // namespace ohip::bench
