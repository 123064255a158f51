#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <future>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/error.h"
#include "base/stop.h"
#include "event/decoder.h"
#include "kafka/publisher.h"
#include "poll/source.h"
#include "report/report.h"
#include "spool/spool.h"

namespace ohip {

// A queue is left alone, for the rest of the run, when so many of its answers had to be put aside:
// somebody else answers in OHIP's place, at each poll anew.
inline constexpr std::size_t kMostDamaged = 2;

// The steps of one queue: recover, then poll → spool → publish → commit, as often as it is asked.
// Recovery is not a second path: it publishes and commits by the very same code.
class Forwarder {
 public:
  // All are borrowed. What is done is added to the report. Throws Error kSpool when the spool
  // cannot be read.
  Forwarder(Spool& spool, Publisher& publisher, Origin origin, bool drain, const Deadline& deadline,
            const Stop& stop, QueueReport& report);

  // Whether all that earlier runs left in the spool is published; nothing may be polled before.
  bool recovered() const { return waiting_.empty(); }

  // Publishes the oldest batch of that. False: it could not be.
  bool recover();

  // Takes one batch and delivers it. True: the queue holds more and is to be drained; then, while
  // the next batch is taken, the delivery may still be under way on another thread. The next one's
  // begins when it has ended well, so the spool holds at most two batches, and the order is kept.
  bool poll(Source& source);

  // Waits for the delivery under way, if any; to be called before the report is read. False: it
  // failed.
  bool finish();

  // The queue was asked, and nothing came out of it.
  bool found_empty() const { return found_empty_; }

  // Answers that were put aside as a whole so far, those of earlier runs left out.
  std::size_t damaged() const { return damaged_; }

 private:
  // Stays where it is: the records hold parts of the batch's body.
  struct Taken {
    explicit Taken(Batch answer, const Origin& origin, bool earlier = false)
        : batch(std::move(answer)), decoded(decode(batch, origin)), perhaps_published(earlier) {}
    Taken(const Taken&) = delete;
    Taken& operator=(const Taken&) = delete;

    bool lacks_events() const { return decoded.cut_off && decoded.events < batch.asked_for; }
    std::size_t may_hold() const {
      return decoded.damage.empty() ? decoded.events : std::max(decoded.events, batch.asked_for);
    }

    const Batch batch;
    const Decoded decoded;
    const bool perhaps_published;  // by an earlier run
  };

  struct Outcome {
    QueueReport report;
    bool settled = false;  // false: an error ended it
  };

  bool recover_oldest();
  void note_killed_run(const Batch& batch);
  bool poll_once(Source& source);
  void learn_from(const Taken& taken);
  bool begin_delivery(std::unique_ptr<const Taken> taken);
  Outcome deliver(const Taken& taken) const;
  Milliseconds patience() const;
  bool over() const;

  Spool& spool_;
  Publisher& publisher_;
  Origin origin_;
  bool drain_;
  const Deadline& deadline_;
  const Stop& stop_;
  QueueReport& report_;
  std::set<std::string> topics_;     // those known before any event is
  std::deque<std::string> waiting_;  // files that earlier runs left, oldest first
  std::future<Outcome> delivery_;    // under way
  std::size_t damaged_ = 0;
  bool took_ = false;
  bool found_empty_ = false;
};

}  // namespace ohip
