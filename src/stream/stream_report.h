#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "report/pushgateway.h"
#include "stream/position.h"

namespace ohip {

// What one run did.
struct StreamReport {
  std::string run_id;
  std::string chain;
  TimePoint begin;
  Milliseconds duration{0};
  std::size_t token_fetches = 0;
  std::size_t connections = 0;                // opened
  std::map<std::string, std::size_t> closes;  // of them, by code; "refused 400": never opened
  std::size_t taken = 0;                      // events
  std::size_t delivered = 0;                  // events that Kafka has stored
  std::map<std::string, std::size_t> delivered_by_type;  // by ce_type
  std::size_t quarantined = 0;  // events put aside, or told where nothing can be kept
  std::size_t commits = 0;      // of positions
  Position position;            // the last one committed or found
  TimePoint quiet{};            // until when OHIP had nothing that Kafka has not; 0: not known
  bool connected = false;       // now
  bool held = false;            // another run is at it
  ExitStatus status = ExitStatus::kOk;
  std::vector<Error> problems;  // what a person must hear of, in the order of happening

  void add(const Error& problem);
};

// One JSON object on one line; documented in ohip-stream(1). Without secrets and guest data.
std::string to_json(const StreamReport& report);

// A run's figures in a file for node_exporter's textfile collector, as write_metrics() has them; a
// run may write more than once, so that a long one is seen. Not thread-safe.
class StreamMetrics {
 public:
  explicit StreamMetrics(std::filesystem::path file);  // empty: nothing is written

  // Nothing of a run that left the stream to another one: the figures are that one's. Throws Error
  // kSpool.
  void write(const StreamReport& report, TimePoint now, bool ended);

 private:
  std::filesystem::path file_;
  StreamReport told_;  // what is in the counters already
};

// The same figures for a Pushgateway, which is kept. Not thread-safe.
class StreamPush {
 public:
  explicit StreamPush(Pushgateway& pushgateway) : pushgateway_(pushgateway) {}

  // At a run's end it waits, for some seconds at most; before, only what a last push leaves free is
  // pushed.
  void push(const StreamReport& report, TimePoint now, bool ended);

 private:
  Pushgateway& pushgateway_;
  StreamReport told_;
};

}  // namespace ohip
