#pragma once

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "e2e/process.h"
#include "e2e/published.h"
#include "simulator/simulator.h"
#include "support/catch.h"
#include "support/mock_kafka.h"
#include "support/temporary_directory.h"

namespace ohip::test {

inline constexpr const char* kTopic = "ohip.business-events";
inline constexpr int kPartitions = 4;
inline const std::string kProgram = OHIP_POLL_PROGRAM;

inline void wait_until(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!condition()) {
    REQUIRE(std::chrono::steady_clock::now() < deadline);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

// An OHIP, a Kafka, and an environment that names them.
struct World {
  explicit World(const sim::Options& options = {}, int partitions_of_topic = kPartitions)
      : ohip(options), partitions(partitions_of_topic) {
    kafka.create(kTopic, partitions);
    environment = {{"OHIP_GATEWAY_URL", ohip.url()},
                   {"OHIP_CLIENT_ID", options.client_id},
                   {"OHIP_CLIENT_SECRET", options.client_secret},
                   {"OHIP_APP_KEY", options.app_key},
                   {"OHIP_ENTERPRISE_ID", options.enterprise_id},
                   {"OHIP_EXTERNAL_SYSTEM", options.external_system},
                   {"OHIP_SPOOL_DIR", spool.path().string()},
                   {"KAFKA_BOOTSTRAP_SERVERS", kafka.bootstrap()}};
  }

  Result poll(std::vector<std::string> arguments = {"--once", "--hotel", "ABC"}) const {
    arguments.insert(arguments.begin(), kProgram);
    return run(arguments, environment);
  }

  std::vector<Stored> records() const { return published(kafka, kTopic, partitions); }

  std::vector<std::string> values() const { return sorted_values(records()); }

  std::vector<std::string> handed_out(const std::string& queue = "ABC") const {
    std::vector<std::string> events = ohip.handed_out(queue);
    std::sort(events.begin(), events.end());
    return events;
  }

  // Batches that wait, and what is in quarantine.
  std::vector<std::filesystem::path> spooled(const std::string& extension = ".json") const {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(spool.path())) {
      const bool cache = entry.path().filename().string().front() == '.';
      if (!cache && entry.path().extension() == extension) {
        files.push_back(entry.path());
      }
    }
    return files;
  }

  bool spool_is_empty() const {
    return spooled(".json").empty() && spooled(".part").empty() && spooled(".reserved").empty() &&
           spooled(".reason").empty();
  }

  sim::Simulator ohip;
  int partitions;
  MockKafka kafka;
  TemporaryDirectory spool;
  Environment environment;
};

}  // namespace ohip::test
