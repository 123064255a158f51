// A long outage is over: a thousand batches in one queue's spool.

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "bench/classes.h"
#include "bench/stage.h"
#include "bench/table.h"
#include "simulator/events.h"

namespace ohip::bench {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kBatches = 1'000;
constexpr std::size_t kEvents = 20;  // in each

void spool_batches(const fs::path& queue, sim::EventGenerator& generator) {
  fs::create_directories(queue);
  for (std::size_t i = 0; i < kBatches; ++i) {
    std::ofstream file(queue / fmt::format("20261123T190705.{:06}Z-earlier-{}.json", i, i));
    file << R"({"businessEventData":[)";
    for (std::size_t event = 0; event < kEvents; ++event) {
      file << (event == 0 ? "" : ",") << generator.next(kHotel);
    }
    file << "]}";
  }
}

}  // namespace

void replay(bool quick) {
  const std::size_t runs = quick ? 3 : 21;
  Stage stage({});
  const fs::path spool = stage.environment.at("OHIP_SPOOL_DIR");
  sim::EventGenerator generator(1);
  std::vector<double> rates;
  std::vector<Sample> samples;
  for (std::size_t i = 0; i < runs; ++i) {
    spool_batches(spool / "127.0.0.1" / stage.environment.at("OHIP_EXTERNAL_SYSTEM") / kHotel,
                  generator);
    samples.push_back(stage.poll({"--replay"}));
    rates.push_back(1e3 * kBatches * kEvents / samples.back().wall);
  }
  stage.expect_all_delivered(runs * kBatches * kEvents);
  print_title(fmt::format("replay of {} spooled batches, {} runs", kBatches, runs));
  print_row("events a second", spread(rates));
  print_row("peak memory MiB", spread(samples, &Sample::memory));
}

}  // namespace ohip::bench
