#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"

namespace ohip {

// Where the time of a queue went.
struct Steps {
  std::chrono::microseconds recover{0};  // publishing what earlier runs left
  std::chrono::microseconds wait{0};     // for its turn: the pace, and what OHIP told to wait
  std::chrono::microseconds token{0};
  std::chrono::microseconds poll{0};     // connecting, asking, the answer's last byte
  std::chrono::microseconds spool{0};    // making room, and making the answer durable
  std::chrono::microseconds publish{0};  // until Kafka has acknowledged; may overlap with the rest

  void add(const Steps& other);
};

// Adds its own lifetime to a step.
class Stopwatch {
 public:
  explicit Stopwatch(std::chrono::microseconds& step) : step_(step) {}
  ~Stopwatch();
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

 private:
  std::chrono::microseconds& step_;
  SteadyPoint begin_ = std::chrono::steady_clock::now();
};

// What one run did for one queue. One thread at a time.
struct QueueReport {
  std::string hotel;  // "@chain": the external system's one queue
  std::size_t polls = 0;
  std::size_t throttled = 0;      // of them answered by 429
  std::size_t taken = 0;          // events, those from the spool included
  std::size_t delivered = 0;      // events that Kafka has acknowledged
  std::size_t already_there = 0;  // of them those that an earlier run had published: not sent again
  std::size_t repeated = 0;       // of them those sent without knowing whether one had
  std::size_t quarantined = 0;    // files put aside
  std::size_t possibly_lost = 0;  // events: the upper bound
  bool held = false;              // another run is at it
  bool not_polled = false;        // its turn did not come in the run's time
  Steps steps;
  std::vector<std::string> request_ids;
  ExitStatus status = ExitStatus::kOk;
  std::vector<Error> problems;  // what a person must hear of, in the order of happening

  // What its directory holds at the run's end.
  std::size_t pending = 0;  // batches
  std::optional<TimePoint> oldest_pending;
  std::size_t in_quarantine = 0;  // files, without their reasons

  void add(const Error& problem);
  // The exception that is being caught.
  void add_exception() noexcept;
  // What came afterwards. A trouble that has passed since then is forgotten.
  void add(const QueueReport& later);
};

// What one run did.
struct RunReport {
  std::string run_id;
  TimePoint begin;
  Milliseconds duration{0};
  std::size_t token_fetches = 0;
  std::vector<QueueReport> queues;
  ExitStatus status = ExitStatus::kOk;
  std::vector<Error> problems;  // those of no single queue

  // The exception that is being caught.
  void add_exception() noexcept;
  // Sums; flags that hold for any queue; no names, no problems.
  QueueReport total() const;
};

// One JSON object on one line; documented in ohip-poll(1). Without secrets and guest data.
std::string to_json(const RunReport& report);

}  // namespace ohip
