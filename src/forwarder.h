#pragma once

#include <cstddef>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "clock.h"
#include "config.h"
#include "error.h"
#include "event.h"
#include "publisher.h"
#include "source.h"
#include "spool.h"
#include "stop.h"

namespace ohip {

// What one run did for one queue.
struct QueueReport {
  std::size_t polls = 0;
  std::size_t taken = 0;        // events, those from the spool included
  std::size_t delivered = 0;    // events that Kafka has acknowledged
  std::size_t quarantined = 0;  // files put aside
  ExitStatus status = ExitStatus::kOk;
  std::vector<Error> problems;  // what a person must hear of, in the order of happening

  void add(const Error& problem);
};

// The loop over one queue: recover, then poll → spool → publish → commit. Recovery is not a second
// path: it publishes and commits by the very same code.
class Forwarder {
 public:
  // All are borrowed. limit: events asked for per poll.
  Forwarder(Spool& spool, Publisher& publisher, Origin origin, std::size_t limit,
            const Deadline& deadline, const Stop& stop);

  // Publishes what earlier runs left in the spool, oldest first. False: something went wrong, and
  // nothing may be polled.
  bool recover();

  // Takes and delivers one batch, or with drain one after the other until the queue is empty, the
  // deadline is over or a stop is requested.
  void forward(Source& source, bool drain);

  const QueueReport& report() const { return report_; }

 private:
  void recover_all();
  std::size_t deliver(const Batch& batch, std::size_t asked_for);
  std::vector<Reject> publish(const Batch& batch, const std::vector<Record>& records);
  void settle(const Batch& batch, const Decoded& decoded, const std::vector<Reject>& rejects,
              std::size_t asked_for);
  void settle_from_memory(const Batch& batch, const Decoded& decoded,
                          const std::vector<Reject>& rejects, std::size_t asked_for);
  void quarantine(const Batch& batch, ExitStatus status, const std::string& what);
  bool over() const;
  Milliseconds patience() const;

  Spool& spool_;
  Publisher& publisher_;
  Origin origin_;
  std::size_t limit_;
  const Deadline& deadline_;
  const Stop& stop_;
  std::set<std::string> topics_;  // those known before any event is
  QueueReport report_;
};

}  // namespace ohip
