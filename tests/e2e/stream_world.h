#pragma once

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "e2e/process.h"
#include "e2e/published.h"
#include "simulator/simulator.h"
#include "support/mock_kafka.h"
#include "support/temporary_directory.h"

namespace ohip::test {

inline constexpr const char* kChain = "CHAIN";
inline constexpr const char* kTopic = "ohip.business-events";
inline constexpr int kPartitions = 4;

// A simulated OHIP, librdkafka's mock cluster, which has no transactions, and what ohip-stream must
// be told of them.
struct StreamWorld {
  explicit StreamWorld(const sim::Options& options = default_options()) : ohip(options) {
    kafka.create(kTopic, kPartitions);
    environment = {{"OHIP_GATEWAY_URL", ohip.url()},
                   {"OHIP_CLIENT_ID", ohip.options().client_id},
                   {"OHIP_CLIENT_SECRET", ohip.options().client_secret},
                   {"OHIP_APP_KEY", ohip.options().app_key},
                   {"OHIP_ENTERPRISE_ID", ohip.options().enterprise_id},
                   {"OHIP_SPOOL_DIR", (spool.path() / "spool").string()},
                   {"KAFKA_BOOTSTRAP_SERVERS", kafka.bootstrap()},
                   {"KAFKA_PROFILE", "oci-streaming"},
                   {"KAFKA_SECURITY_PROTOCOL", "PLAINTEXT"}};
  }

  static sim::Options default_options() {
    sim::Options options;
    options.resubscribe_wait = std::chrono::seconds(1);
    return options;
  }

  std::vector<std::string> command(const std::vector<std::string>& arguments) const {
    std::vector<std::string> command = {OHIP_STREAM_PROGRAM, "--chain", kChain};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return command;
  }

  void add(std::size_t count) {
    ohip.streaming().add(kChain, [&](sim::Stream& stream) {
      stream.add_made("ABC", count, 500, std::chrono::system_clock::now());
    });
  }

  Result stream(const std::vector<std::string>& arguments) const {
    std::vector<std::string> command = {OHIP_STREAM_PROGRAM};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return run(command, environment);
  }

  std::vector<std::string> values() const {
    return sorted_values(published(kafka, kTopic, kPartitions));
  }

  std::vector<std::string> held() const {
    std::vector<std::string> events = ohip.streaming().held(kChain);
    std::sort(events.begin(), events.end());
    return events;
  }

  // Each event verbatim, and none twice.
  bool has_all() const { return values() == held(); }

  sim::Simulator ohip;
  MockKafka kafka;
  TemporaryDirectory spool;
  Environment environment;
};

}  // namespace ohip::test
