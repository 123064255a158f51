// A thousand hotels in one run.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <fstream>
#include <string>
#include <vector>

#include "bench/classes.h"
#include "bench/stage.h"
#include "bench/table.h"

namespace ohip::bench {
namespace {

constexpr std::size_t kHotels = 1'000;
constexpr std::size_t kEvents = 5;  // per hotel and run

std::vector<std::string> hotels() {
  std::vector<std::string> codes;
  for (std::size_t i = 0; i < kHotels; ++i) {
    codes.push_back(fmt::format("H{:04}", i));
  }
  return codes;
}

std::string hotels_file(const Stage& stage) {
  std::string path = stage.directory() / "hotels";
  std::ofstream(path) << fmt::format("{}\n", fmt::join(hotels(), "\n"));
  return path;
}

void print(const std::string& what, const std::vector<Sample>& samples) {
  std::vector<double> rates;
  std::vector<double> cpu;
  for (const Sample& sample : samples) {
    rates.push_back(1e3 * kHotels / sample.wall);
    cpu.push_back(1e3 * sample.cpu / kHotels);
  }
  print_title(fmt::format("{} hotels, {}, {} runs", kHotels, what, samples.size()));
  print_row("polls a second", spread(rates), at_least(1500));
  print_row("CPU µs a poll", spread(cpu));
  print_row("peak memory MiB", spread(samples, &Sample::memory), at_most(40));
}

// The first run, which makes the spool's directories, comes on top.
std::vector<Sample> run(Stage& stage, std::size_t runs) {
  stage.environment.erase("OHIP_HOTELS");
  const std::vector<std::string> arguments = {"--once", "--limit", std::to_string(kEvents),
                                              "--hotels-file", hotels_file(stage)};
  stage.poll(arguments);
  std::vector<Sample> samples;
  for (std::size_t i = 0; i < runs; ++i) {
    samples.push_back(stage.poll(arguments));
  }
  stage.expect_all_delivered();
  return samples;
}

void empty(std::size_t runs) {
  Stage stage({});
  print("all empty", run(stage, runs));
}

void with_events(std::size_t runs) {
  Stage stage({"--hotel", fmt::format("{}", fmt::join(hotels(), ",")), "--events",
               std::to_string((runs + 1) * kEvents)});
  print(fmt::format("{} events each", kEvents), run(stage, runs));
}

void within_the_limit(int seconds) {
  Stage stage({"--limit-per-minute", "300", "--limit-per-second", "50"});
  stage.environment.erase("OHIP_HOTELS");
  stage.environment["OHIP_MAX_POLLS_PER_MINUTE"] = "300";
  stage.environment.erase("OHIP_DEADLINE");
  const Sample sample = stage.poll({"--run-for", fmt::format("{}s", seconds), "--interval", "1s",
                                    "--hotels-file", hotels_file(stage)});
  const Counters counters = stage.counters();
  print_title(fmt::format("{} hotels, all empty, at Oracle's limit for {} s", kHotels, seconds));
  print_row("polls a minute", 6e4 * static_cast<double>(counters.polls) / sample.wall,
            at_least(0.98 * 300));
  print_row("answers 429", static_cast<double>(counters.throttled), at_most(0));
}

}  // namespace

void fleet(bool quick) {
  empty(quick ? 5 : 21);
  with_events(quick ? 5 : 21);
  within_the_limit(quick ? 10 : 70);
}

}  // namespace ohip::bench
