#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "e2e/process.h"
#include "simulator/simulator.h"
#include "support/temporary_directory.h"

namespace ohip::test {

inline constexpr const char* kHotel = "ABC";

// What a user of that gateway writes.
Environment gateway(const sim::Simulator& ohip);

// ohip-poll as a user sets it up, between an OHIP of its own and some Kafka.
class Installation {
 public:
  // settings: KAFKA_… as in the documentation.
  explicit Installation(Environment settings);

  // The program's, which need not be that of the tests (scripts/portable-test suite).
  static int librdkafka();

  // ohip-poll --hotel ABC and these options, to its end.
  Result run(const std::vector<std::string>& options = {"--once"}) const;
  // The same, beside the test.
  std::unique_ptr<Process> start(const std::vector<std::string>& options) const;
  // What that one has printed.
  std::string printed() const;

  sim::Simulator& ohip() { return ohip_; }
  // A batch of these events that an earlier run is said to have received then and not to have
  // finished with.
  void leave_behind(const std::vector<std::string>& events, const std::string& request_id,
                    std::chrono::system_clock::time_point received) const;

  // As many different changes of one block, with text of that size in each.
  void enqueue_changes(int count, std::size_t size);
  std::size_t polls() const { return ohip_.stats().polls; }
  std::vector<std::string> handed_out() const { return ohip_.handed_out(kHotel); }
  // Returns once OHIP has handed out so many, or has nothing more.
  void wait_for_handed_out(std::size_t count) const;

  // Names of the spool's files that end so: ".json" waits for Kafka, ".reason" is in quarantine.
  std::vector<std::string> spooled(const std::string& ending) const;
  // As many events as the quarantine's reasons say may be lost.
  std::size_t told_lost() const;

 private:
  std::vector<std::filesystem::path> spool_files() const;
  std::vector<std::string> command(const std::vector<std::string>& options) const;

  TemporaryDirectory directory_;
  sim::Simulator ohip_;
  Environment environment_;
  int changes_ = 0;
};

}  // namespace ohip::test
