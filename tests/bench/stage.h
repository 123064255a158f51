#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bench/sample.h"
#include "e2e/process.h"
#include "kafka/cluster/broker.h"
#include "support/temporary_directory.h"

namespace ohip::bench {

inline constexpr const char* kHotel = "ABC";

struct Counters {
  std::size_t polls = 0;
  std::size_t throttled = 0;
  std::size_t handed_out = 0;
};

// The one Apache Kafka that scripts/bench has fetched; null, which is printed, where it could not.
test::Broker* real_kafka();

// The two simulators as processes of their own, or ohip-sim and a real Kafka that outlives this
// object, and an environment that leads to them.
class Stage {
 public:
  explicit Stage(const std::vector<std::string>& ohip_sim_options,
                 test::Broker* real_kafka = nullptr);

  // Runs ohip-poll, or another build of it, as measure() does, without Oracle's limit unless the
  // arguments have one.
  Sample poll(std::vector<std::string> arguments, const std::string& program = OHIP_POLL_PROGRAM);
  // More events for kHotel's queue.
  void refill(std::size_t events) const;
  // The next run needs a new access token.
  void forget_token() const;
  Counters counters() const;
  // Throws unless Kafka holds every event that was handed out, and as many as were in the spool.
  void expect_all_delivered(std::size_t spooled = 0) const;

  const std::filesystem::path& directory() const { return directory_.path(); }

  test::Environment environment;

 private:
  std::size_t stored() const;
  test::Result admin(const std::vector<std::string>& arguments) const;

  test::TemporaryDirectory directory_;
  test::Server ohip_;
  std::optional<test::Server> kafka_sim_;
};

}  // namespace ohip::bench
