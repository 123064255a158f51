#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "bench/sample.h"
#include "e2e/process.h"
#include "support/temporary_directory.h"

namespace ohip::bench {

inline constexpr const char* kHotel = "ABC";

struct Counters {
  std::size_t polls = 0;
  std::size_t throttled = 0;
  std::size_t handed_out = 0;
};

// The two simulators as processes of their own, and an environment that leads to them.
class Stage {
 public:
  explicit Stage(const std::vector<std::string>& ohip_sim_options);

  // Runs ohip-poll as measure() does, without Oracle's limit unless the arguments have one.
  Sample poll(std::vector<std::string> arguments);
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
  test::Server kafka_;
};

}  // namespace ohip::bench
