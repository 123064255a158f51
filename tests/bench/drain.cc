// One hotel's backlog, by one ohip-poll --drain.

#include <fmt/format.h>

#include <filesystem>
#include <string>
#include <vector>

#include "bench/classes.h"
#include "bench/stage.h"
#include "bench/table.h"
#include "support/temporary_directory.h"

namespace ohip::bench {
namespace {

constexpr double kEventsPerPoll = 20;
constexpr double kOraclesPollsPerSecond = 300 / 60.0;

struct Plan {
  std::size_t runs;
  std::size_t events;
};

// Events a second.
std::vector<double> rates(Stage& stage, const Plan& plan) {
  std::vector<double> rates;
  for (std::size_t i = 0; i < plan.runs; ++i) {
    stage.refill(plan.events);
    const Sample sample = stage.poll({"--drain"});
    rates.push_back(1e3 * static_cast<double>(plan.events) / sample.wall);
  }
  stage.expect_all_delivered();
  return rates;
}

std::string label(const Plan& plan, const std::string& rest) {
  return fmt::format("{} events{}, {} run{}", plan.events, rest, plan.runs,
                     plan.runs == 1 ? "" : "s");
}

// limit: events a second.
void print_share(const std::vector<double>& rates, double limit, const char* of) {
  std::vector<double> shares;
  for (const double rate : rates) {
    shares.push_back(rate / limit);
  }
  print_row(fmt::format("  share of {}", of), spread(shares), at_least(0.9));
}

void at_round_trip(int milliseconds, const Plan& plan) {
  Stage stage({"--rtt", std::to_string(milliseconds)});
  const auto found = rates(stage, plan);
  print_row(label(plan, fmt::format(", {} ms a round trip", milliseconds)), spread(found));
  print_share(found, 1e3 * kEventsPerPoll / milliseconds, "a poll per round trip");
}

void without_delay(const Plan& plan) {
  Stage stage({});
  print_row(label(plan, ", no delay"), spread(rates(stage, plan)), at_least(5000));
  if (std::filesystem::is_directory("/dev/shm")) {
    setenv("TMPDIR", "/dev/shm", 1);
    const test::TemporaryDirectory memory;
    unsetenv("TMPDIR");
    stage.environment["OHIP_SPOOL_DIR"] = memory.path();
    print_row("  with the spool on tmpfs, for comparison", spread(rates(stage, plan)));
  }
}

void at_oracles_pace(const Plan& plan) {
  Stage stage({"--rtt", "20", "--limit-per-minute", "300", "--limit-per-second", "50"});
  stage.environment["OHIP_MAX_POLLS_PER_MINUTE"] = "300";
  const auto found = rates(stage, plan);
  print_row(label(plan, ", 20 ms, 300 polls a minute"), spread(found));
  print_share(found, kEventsPerPoll * kOraclesPollsPerSecond, "Oracle's limit");
  print_row("  answers 429", static_cast<double>(stage.counters().throttled), at_most(0));
}

}  // namespace

void drain(bool quick) {
  print_title("drain of one queue: events a second");
  without_delay(quick ? Plan{5, 2'000} : Plan{21, 10'000});
  at_round_trip(20, quick ? Plan{3, 2'000} : Plan{5, 10'000});
  at_round_trip(100, quick ? Plan{1, 2'000} : Plan{3, 10'000});
  if (!quick) {
    at_oracles_pace({1, 10'000});
  }
}

}  // namespace ohip::bench
