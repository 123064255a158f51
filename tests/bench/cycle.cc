// One cycle: token, poll, 20 events, exit.

#include <fmt/format.h>

#include <cstdlib>
#include <functional>
#include <optional>
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

// In the order of the table; the last three where scripts/portable has built them.
enum : std::size_t {
  kCached,
  kFetched,
  kPipeline,
  kPython,
  kFloor,
  kPortableCached,
  kPortable,
  kPortableFloor,
  kPeers,
};

void print_figures(const char* title, const std::vector<Peer>& peers, double Sample::*figure) {
  print_title(title);
  for (const Peer& peer : peers) {
    print_row(peer.name, spread(peer.samples, figure));
  }
}

enum class Kafka { kSimulated, kReal };

// The targets hold for a new token: the others fetch one each time, too; and for kafka-sim, in
// whose time nothing but the programs shows.
class Figures {
 public:
  Figures(std::string where, Kafka kafka, const std::vector<Peer>& peers)
      : where_(std::move(where)), kafka_(kafka), peers_(peers) {}

  void print() const {
    print_figures(fmt::format("one cycle{}, {} runs in turn: wall ms", where_, kRuns).c_str(),
                  peers_, &Sample::wall);
    compare("new token / pipeline", kFetched, kPipeline, &Sample::wall, 0.35);
    compare("new token / Python job", kFetched, kPython, &Sample::wall);
    compare("new token / floor", kFetched, kFloor, &Sample::wall, 1.3);
    compare("token from the cache / floor with a new one", kCached, kFloor, &Sample::wall);
    compare("portable / not", kPortable, kFetched, &Sample::wall, 0.6);
    compare("portable / pipeline", kPortable, kPipeline, &Sample::wall, 0.2);
    compare("portable / Python job", kPortable, kPython, &Sample::wall);
    compare("portable / floor built like it", kPortable, kPortableFloor, &Sample::wall, 1.2);
    print_figures("CPU ms", peers_, &Sample::cpu);
    compare("new token / pipeline", kFetched, kPipeline, &Sample::cpu, 0.25);
    compare("new token / Python job", kFetched, kPython, &Sample::cpu);
    compare("new token / floor", kFetched, kFloor, &Sample::cpu);
    compare("portable / not", kPortable, kFetched, &Sample::cpu);
    print_title("peak memory MiB (of the pipeline: its largest process)");
    for (std::size_t i = 0; i < peers_.size(); ++i) {
      print_row(peers_[i].name, spread(peers_[i].samples, &Sample::memory), memory_target(i));
    }
  }

 private:
  void compare(const char* what, std::size_t a, std::size_t b, double Sample::*figure,
               std::optional<double> most = {}) const {
    if (std::max(a, b) < peers_.size()) {
      print_row(what, median(a, figure) / median(b, figure),
                most && kafka_ == Kafka::kSimulated ? std::optional(at_most(*most)) : std::nullopt);
    }
  }

  double median(std::size_t peer, double Sample::*figure) const {
    return spread(peers_[peer].samples, figure).median;
  }

  static std::optional<Target> memory_target(std::size_t peer) {
    switch (peer) {
      case kCached:
      case kFetched:
        return at_most(24);
      case kPortableCached:
      case kPortable:
        return at_most(10);
      default:
        return std::nullopt;
    }
  }

  std::string where_;
  Kafka kafka_;
  const std::vector<Peer>& peers_;
};

// What scripts/portable has built, the floor among it.
std::optional<std::string> portable(const char* program) {
  const char* const directory = std::getenv("OHIP_POLL_BENCH_PORTABLE");
  return directory == nullptr ? std::nullopt
                              : std::optional(fmt::format("{}/{}", directory, program));
}

std::vector<Peer> peers(Stage& stage) {
  const auto once = [&stage](const std::string& program) {
    return [&stage, program] { return stage.poll({"--once"}, program); };
  };
  const auto once_new = [&stage](const std::string& program) {
    return [&stage, program] {
      stage.forget_token();
      return stage.poll({"--once"}, program);
    };
  };
  const auto other = [&stage](const std::vector<std::string>& words) {
    return [&stage, words] { return measure(words, stage.environment); };
  };
  std::vector<Peer> peers = {
      {"ohip-poll, token from its cache", once(OHIP_POLL_PROGRAM)},
      {"ohip-poll, new token", once_new(OHIP_POLL_PROGRAM)},
      {"pipeline of curl, jq and kcat", other({PIPELINE})},
      {"Python job: requests and confluent-kafka", other({"/usr/bin/python3", PYTHON_JOB})},
      {"floor: libcurl and librdkafka, no care", other({FLOOR})},
  };
  if (const std::optional<std::string> program = portable("ohip-poll")) {
    peers.push_back({"portable, token from its cache", once(*program)});
    peers.push_back({"portable, new token", once_new(*program)});
    peers.push_back({"floor, built like the portable one", other({*portable("floor")})});
  }
  return peers;
}

void run_in_turn(std::vector<Peer>& peers, std::size_t runs) {
  for (const Peer& peer : peers) {
    peer.run();  // once for the caches of the system, and for ohip-poll's own
  }
  for (std::size_t i = 0; i < runs; ++i) {
    for (Peer& peer : peers) {
      peer.samples.push_back(peer.run());
    }
  }
}

void run_cycles(Stage& stage, const std::string& where, Kafka kafka = Kafka::kSimulated) {
  std::vector<Peer> all = peers(stage);
  run_in_turn(all, kRuns);
  stage.expect_all_delivered();
  Figures(where, kafka, all).print();
}

// What a run costs before it does anything.
void start(const Stage& stage) {
  constexpr std::size_t kStarts = 101;
  const auto version = [&stage](const std::string& program) {
    return [&stage, program] { return measure({program, "--version"}, stage.environment); };
  };
  std::vector<Peer> programs = {{"ohip-poll", version(OHIP_POLL_PROGRAM)}};
  if (const std::optional<std::string> program = portable("ohip-poll")) {
    programs.push_back({"portable", version(*program)});
  }
  run_in_turn(programs, kStarts);
  print_title(fmt::format("--version, {} runs in turn: wall ms", kStarts));
  print_row(programs.front().name, spread(programs.front().samples, &Sample::wall));
  if (programs.size() > 1) {
    print_row(programs.back().name, spread(programs.back().samples, &Sample::wall), at_most(1.5));
  }
}

std::vector<std::string> filled() {
  return {"--hotel", kHotel, "--events", std::to_string((kRuns + 1) * kPeers * kEvents)};
}

}  // namespace

void cycle(bool /*quick*/) {
  Stage stage(filled());
  start(stage);
  run_cycles(stage, "");
}

void cycle_kafka(bool /*quick*/) {
  if (test::Broker* const kafka = real_kafka()) {
    Stage stage(filled(), kafka);
    run_cycles(stage, ", a real Kafka", Kafka::kReal);
  }
}

void cycle_tls(bool /*quick*/) {
  std::vector<std::string> options = filled();
  options.emplace_back("--tls");
  Stage stage(options);
  run_cycles(stage, ", OHIP over TLS");
}

}  // namespace ohip::bench
