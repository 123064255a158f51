// Whether something got slower: an earlier build's ohip-poll and this one's, in turn.

#include <fmt/format.h>

#include <array>
#include <filesystem>
#include <string>
#include <vector>

#include "bench/classes.h"
#include "bench/stage.h"
#include "bench/table.h"

namespace ohip::bench {
namespace {

struct Build {
  std::string name;
  std::string program;
  std::vector<Sample> samples = {};
};
using Builds = std::array<Build, 2>;  // the earlier one, this one

void print_figure(const std::string& title, const Builds& builds, double Sample::*figure) {
  print_title(title);
  for (const Build& build : builds) {
    print_row(build.name, spread(build.samples, figure));
  }
  print_row("after / before",
            spread(builds[1].samples, figure).median / spread(builds[0].samples, figure).median,
            at_most(1.1));
}

void run(Stage& stage, Build& build, const std::string& mode, std::size_t events) {
  stage.environment["OHIP_SPOOL_DIR"] = stage.directory() / build.name;
  stage.refill(events);
  build.samples.push_back(stage.poll({mode}, build.program));
}

void run_in_turn(Stage& stage, Builds builds, const std::string& what, std::size_t runs,
                 const std::string& mode, std::size_t events) {
  for (Build& build : builds) {
    run(stage, build, mode, events);  // once for the caches of the system, and for its own
    build.samples.clear();
  }
  for (std::size_t i = 0; i < runs; ++i) {
    for (Build& build : builds) {
      run(stage, build, mode, events);
    }
  }
  stage.expect_all_delivered();
  print_figure(fmt::format("{}, {} runs in turn: wall ms", what, runs), builds, &Sample::wall);
  print_figure("CPU ms", builds, &Sample::cpu);
  print_figure("peak memory MiB", builds, &Sample::memory);
}

}  // namespace

void against(const std::string& directory, bool quick) {
  const Builds builds = {Build{"before", std::filesystem::path(directory) / "ohip-poll"},
                         Build{"after", OHIP_POLL_PROGRAM}};
  Stage stage({});
  run_in_turn(stage, builds, "one cycle", quick ? 41 : 101, "--once", 20);
  run_in_turn(stage, builds, "drain of 2,000 events", quick ? 5 : 21, "--drain", 2'000);
  if (test::Broker* const kafka = real_kafka()) {
    Stage real({}, kafka);
    run_in_turn(real, builds, "one cycle, a real Kafka", quick ? 41 : 101, "--once", 20);
  }
}

}  // namespace ohip::bench
