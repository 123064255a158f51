#pragma once

#include <memory>
#include <optional>

#include "base/clock.h"
#include "base/log.h"
#include "base/stop.h"
#include "config/config.h"
#include "http/client.h"
#include "kafka/publisher.h"
#include "ohip/oauth.h"
#include "poll/forwarder.h"
#include "poll/pace.h"
#include "poll/turns.h"
#include "report/report.h"
#include "spool/queue.h"
#include "spool/spool.h"

namespace ohip {

// What all queues of a run share; borrowed.
struct Shared {
  const Config& config;
  Publisher& publisher;
  OAuth& oauth;
  Pace& pace;
  Clock& clock;
  const Deadline& deadline;
  const Stop& stop;
  const Log& log;
};

// One queue's part of a run, in turns of one poll each, so that many queues share few workers. The
// queue is locked from its first turn until it is found empty. One thread at a time.
class QueueRun {
 public:
  QueueRun(const Shared& shared, QueueName queue);

  // Publishes one batch that an earlier run left; where there is none, polls once. Returns when the
  // next turn is due, or nothing when the queue is done with.
  // Whatever goes wrong is this queue's problem, in its report.
  std::optional<Due> turn(HttpClient& http) noexcept;

  // Ends what is under way and unlocks the queue. To be called after the last turn.
  void finish() noexcept;

  bool had_turn() const { return had_turn_; }
  std::size_t polls() const { return report_.polls + look_.polls; }
  std::size_t delivered() const { return report_.delivered + look_.delivered; }
  const QueueName& queue() const { return queue_; }
  QueueReport& report() { return report_; }

 private:
  bool open();
  bool rests() const;
  Milliseconds rest() const;
  void remember() noexcept;
  bool step(HttpClient& http);
  bool poll(HttpClient& http);
  bool goes_on() const;

  const Shared& shared_;
  QueueName queue_;
  bool had_turn_ = false;
  bool looking_ = false;
  int losses_in_a_row_ = 0;  // polls of which the answer may be lost
  std::size_t damaged_ = 0;  // answers put aside as a whole
  SteadyPoint look_begin_;
  Due next_look_{};
  QueueReport look_;  // since the queue was last locked
  std::optional<Spool> spool_;
  std::unique_ptr<Forwarder> forwarder_;
  QueueReport report_;
};

}  // namespace ohip
