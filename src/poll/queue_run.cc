#include "poll/queue_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "poll/poll_source.h"
#include "poll/rest.h"

namespace ohip {
namespace {

// In a row: then a queue is left alone for the rest of the run, whatever may come of a third try.
constexpr int kMostLosses = 2;

}  // namespace

QueueRun::QueueRun(const Shared& shared, QueueName queue)
    : shared_(shared), queue_(std::move(queue)) {
  report_.hotel = queue_.hotel;
}

std::optional<Due> QueueRun::turn(HttpClient& http) noexcept {
  had_turn_ = true;
  looking_ = true;
  bool more = false;
  try {
    more = (spool_ || open()) && step(http);
  } catch (...) {
    look_.add_exception();
  }
  if (more) {
    return Due{shared_.clock.steady(), shared_.config.interval.shortest};
  }
  finish();
  return goes_on() ? std::optional(next_look_) : std::nullopt;
}

// False: another run is at it, or it is not yet due.
bool QueueRun::open() {
  const SteadyPoint last_look = std::exchange(look_begin_, shared_.clock.steady());
  spool_ = Spool::open(shared_.config.spool_dir, queue_);
  if (!spool_) {
    look_.held = true;
    shared_.log.notice("{}: another run holds the queue", queue_.label());
    return false;
  }
  if (!spool_->unclaimed().empty()) {
    look_.add(Error(ExitStatus::kPending,
                    fmt::format("{} holds what version 0.1.0 took from a gateway of that host, and "
                                "several of them use this spool",
                                spool_->unclaimed().string()),
                    fmt::format("a person must say whose it is: move its files to {}, or to the "
                                "other gateway's directory",
                                spool_->directory().string())));
  }
  const Config& config = shared_.config;
  forwarder_ = std::make_unique<Forwarder>(
      *spool_, shared_.publisher,
      Origin{queue_.gateway, queue_.external_system, config.topic,
             queue_.hotel == kChainQueue ? "" : queue_.hotel},
      config.mode != Mode::kOnce, shared_.deadline, shared_.stop, look_);
  if (rests()) {
    look_begin_ = last_look;
    shared_.log.info("{}: found empty {} in a row, due in {:.1f} s", queue_.label(),
                     plural(static_cast<std::size_t>(spool_->times_empty()), "time", "times"),
                     std::chrono::duration<double>(rest()).count());
    return false;
  }
  return true;
}

// This run comes early, or another one has polled the queue meanwhile.
bool QueueRun::rests() const {
  return shared_.config.mode == Mode::kRunFor && forwarder_->recovered() &&
         rest() > Milliseconds::zero();
}

Milliseconds QueueRun::rest() const {
  return rest_of(shared_.config.interval, spool_->times_empty(), spool_->last_polled(),
                 shared_.clock.now());
}

// What the look has found, for the next one, be it another run's. Trouble begins anew, too: what is
// behind it is to be seen soon.
void QueueRun::remember() noexcept {
  const Interval& interval = shared_.config.interval;
  next_look_ = {look_begin_ + interval.shortest, interval.shortest};
  if (!spool_) {
    return;
  }
  if (forwarder_ && forwarder_->found_empty() && interval.adapts()) {
    spool_->found_empty();
  } else if (look_.polls > 0) {
    spool_->found_otherwise();
  }
  next_look_ = {std::max(next_look_.time, shared_.clock.steady() + rest()),
                wait_of(interval, spool_->times_empty())};
}

// True: it wants another turn.
bool QueueRun::step(HttpClient& http) {
  const bool replay = shared_.config.mode == Mode::kReplay;
  if (!forwarder_->recovered()) {
    return forwarder_->recover() && !(replay && forwarder_->recovered());
  }
  return !replay && poll(http);
}

bool QueueRun::poll(HttpClient& http) {
  const Config& config = shared_.config;
  const std::string& hotel =
      config.scope == QueueScope::kChain ? config.hotels.front() : queue_.hotel;
  PollSource source(config, hotel, http, shared_.oauth, shared_.pace, shared_.clock,
                    shared_.deadline, look_);
  const std::size_t taken = look_.taken;
  const std::size_t asked = look_.request_ids.size();
  const std::size_t possibly_lost = look_.possibly_lost;
  const bool more = forwarder_->poll(source);
  if (look_.possibly_lost > possibly_lost) {
    ++losses_in_a_row_;
  } else if (!spool_->in_doubt()) {
    losses_in_a_row_ = 0;
  }
  if (look_.request_ids.size() > asked) {
    shared_.log.info("{}: x-request-id {}: {}", queue_.label(), look_.request_ids.back(),
                     plural(look_.taken - taken, "event", "events"));
  }
  return more;
}

void QueueRun::finish() noexcept {
  if (!looking_) {
    return;
  }
  try {
    if (forwarder_) {
      forwarder_->finish();
      damaged_ += forwarder_->damaged();
    }
  } catch (...) {
    look_.add_exception();
  }
  remember();
  forwarder_.reset();
  spool_.reset();
  try {
    report_.add(look_);
  } catch (...) {
    report_.add_exception();
  }
  look_ = {};
  looking_ = false;
}

// Whether to look again: not where a person must act first.
bool QueueRun::goes_on() const {
  if (losses_in_a_row_ >= kMostLosses || damaged_ >= kMostDamaged) {
    shared_.log.info("{}: left alone for the rest of the run", queue_.label());
    return false;
  }
  switch (report_.status) {
    case ExitStatus::kOk:
    case ExitStatus::kQuarantine:
    case ExitStatus::kUnavailable:
    case ExitStatus::kPending:
    case ExitStatus::kPossibleLoss:
      return shared_.config.mode == Mode::kRunFor;
    default:
      return false;
  }
}

}  // namespace ohip
