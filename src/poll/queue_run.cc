#include "poll/queue_run.h"

#include <fmt/format.h>

#include <utility>

#include "poll/poll_source.h"

namespace ohip {
namespace {

// In a row: then a queue is left alone for the rest of the run, whatever may come of a third try.
constexpr int kMostLosses = 2;

}  // namespace

QueueRun::QueueRun(const Shared& shared, QueueName queue)
    : shared_(shared), queue_(std::move(queue)) {
  report_.hotel = queue_.hotel;
}

std::optional<SteadyPoint> QueueRun::turn(HttpClient& http) noexcept {
  had_turn_ = true;
  looking_ = true;
  bool more = false;
  try {
    more = (spool_ || open()) && step(http);
  } catch (...) {
    look_.add_exception();
  }
  if (more) {
    return shared_.clock.steady();
  }
  finish();
  return goes_on() ? std::optional(look_begin_ + shared_.config.interval) : std::nullopt;
}

// False: another run is at it.
bool QueueRun::open() {
  look_begin_ = shared_.clock.steady();
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
  return true;
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
