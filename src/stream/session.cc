#include "stream/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/secrets.h"

namespace ohip {
namespace {

using namespace std::chrono_literals;
using std::chrono::duration_cast;
using std::chrono::seconds;

// Oracle: connection_init within 5 s, a ping at least every 15 s, 10 s between complete and the
// next subscription, dead after 180 s ("Keeping the stream open", "Limits").
constexpr auto kAckTimeout = 10s;
constexpr auto kPingInterval = 10s;
constexpr auto kSilence = 180s;
constexpr auto kBetween = 10s;

constexpr auto kDrainTimeout = 30s;  // from complete until OHIP closes
constexpr auto kOverTimeout = 10s;   // the same, when OHIP has ended the subscription
constexpr auto kCloseTimeout = 10s;  // the socket gives up earlier
// A subscription that stands for so long is not turned away any more (4409 comes at once), and one
// that brings nothing for so long has brought all.
constexpr auto kSettledIn = 5s;
constexpr auto kStuckTimeout = 60s;  // Kafka takes nothing
constexpr auto kMaxWait = 330s;      // between subscriptions
constexpr auto kMaxBackoff = 60s;
constexpr auto kBeforeExpiry = 60s;

// OHIP remembers where a stream was for a day, and keeps events for seven.
constexpr auto kRenumbered = 24h;
constexpr auto kExpiring = 6 * 24h;
constexpr auto kOldestDay = 24h;

constexpr std::size_t kMaxHeldBytes = std::size_t{8} << 20;
constexpr std::size_t kMaxRecent = 1'024;
// What is no event comes once in a while at most; more of it is a fault that is not the events'.
constexpr std::size_t kMaxRejects = 100;

// Older than all that OHIP keeps, which is then replayed as a whole. Without an offset OHIP would
// go on behind what it sent last, to a run that may have died before it committed anything.
constexpr const char* kOldest = "0";

constexpr int kNormal = 1000;
constexpr int kBroken = 1006;

std::string key_of(const std::string& offset, const std::string& id) {
  return offset + ' ' + id;
}

std::string word(const std::string& foreign) {
  return masked(foreign, 100);
}

Milliseconds spread(double part, seconds whole) {
  return Milliseconds(
      static_cast<std::int64_t>(part * 1000.0 * static_cast<double>(whole.count())));
}

}  // namespace

Session::Session(SessionSettings settings, Moment now, std::function<double()> random)
    : settings_(std::move(settings)), random_(std::move(random)), began_(now.steady) {
  ask();
}

std::vector<Action> Session::actions() {
  return std::exchange(actions_, {});
}

bool Session::ended() const {
  return state_ == State::kEnded;
}

bool Session::has_socket() const {
  return state_ == State::kInitializing || state_ == State::kStreaming ||
         state_ == State::kDraining || state_ == State::kClosing;
}

// Events come in faster than Kafka takes them.
bool Session::is_stuck() const {
  return !room_ || held_bytes_ > kMaxHeldBytes;
}

bool Session::reading() const {
  return has_socket() && (dropping_ || state_ == State::kClosing || !is_stuck());
}

const Position* Session::start() const {
  if (settings_.subscription.has_from() && !from_done_) {
    return nullptr;
  }
  const std::optional<Position>& position = settings_.subscription.replay() ? own_ : position_;
  return position ? &*position : nullptr;
}

// --- the next subscription

void Session::ask() {
  state_ = State::kAsking;
  act(action::AskPosition{});
}

void Session::positioned(Moment now, const std::optional<Position>& position) {
  if (state_ != State::kAsking) {
    return;
  }
  if (over(now)) {
    return finish(failure_);
  }
  if (position && !position->offset.empty() && !is_offset(position->offset)) {
    return finish(Error(
        ExitStatus::kConfig,
        fmt::format("the position in Kafka is no offset of OHIP's: {}", word(position->offset)),
        "begin with --from and an offset"));
  }
  position_ = position;
  SteadyPoint allowed = allowed_;
  if (position && position->ended.empty()) {  // an earlier run may have died just now
    allowed = std::max<SteadyPoint>(allowed, began_ + kBetween);
  } else if (position) {
    const auto wait =
        std::clamp<TimePoint::duration>(position->not_before - now.wall, 0s, kMaxWait);
    allowed = std::max<SteadyPoint>(allowed, now.steady + wait);
  }
  if (now.steady < allowed) {
    return wait_until(now, allowed);
  }
  connect();
}

void Session::wait_until(Moment now, SteadyPoint time) {
  if (time >= settings_.end) {
    if (!failure_ && !subscribed_once_) {
      failure_ =
          Error(ExitStatus::kUnavailable,
                fmt::format("OHIP allows the next subscription in {} s, when this run is over",
                            std::chrono::ceil<seconds>(time - now.steady).count()));
    }
    return finish(failure_);
  }
  allowed_ = time;
  state_ = State::kWaiting;
  act(action::Note{fmt::format("the next subscription is allowed in {} s",
                               std::chrono::ceil<seconds>(time - now.steady).count())});
}

void Session::connect() {
  state_ = State::kConnecting;
  lost_ = false;
  act(action::Connect{.new_token = std::exchange(new_token_, false)});
}

void Session::refused(Moment now, const Refusal& refusal) {
  if (state_ != State::kConnecting) {
    return;
  }
  if (stopping_) {
    return finish(failure_);
  }
  lose(refusal_of(refusal).error);
  plan_retry(now, refusal_of(refusal));
  go_on(now);
}

void Session::opened(Moment now, const Opening& opening) {
  if (state_ != State::kConnecting) {
    return;
  }
  id_ = opening.id;
  accepted_ = asked_over_ = awaiting_over_ = ready_ = dropping_ = false;
  first_ = room_ = true;
  held_.clear();
  held_bytes_ = 0;
  reached_.reset();
  recent_.clear();
  known_.clear();
  completed_.reset();
  pings_ = pongs_ = 0;
  probe_.reset();
  quiet_ = {};
  idle_at_complete_ = {};
  heard_ = now.steady;
  stuck_since_ = SteadyPoint::max();
  state_ = State::kInitializing;
  if (over(now)) {
    return close(now, kNormal);
  }
  const auto life = std::max<TimePoint::duration>(opening.expires - now.wall, 10s);
  expires_ = now.steady + std::max<TimePoint::duration>(life - kBeforeExpiry, life * 3 / 4);
  limit_ = now.steady + kAckTimeout;
  act(action::Send{init_message(opening.token, settings_.app_key)});
}

void Session::subscribe(Moment now) {
  const Subscription& subscription = settings_.subscription;
  const Position* const position = start();
  const bool from = subscription.has_from() && !from_done_;
  const bool known = position != nullptr && !position->offset.empty();
  const std::string offset = from ? subscription.from : known ? position->offset : kOldest;
  state_ = State::kStreaming;
  subscribed_once_ = true;
  subscribed_ = last_event_ = now.steady;
  next_ping_ = now.steady + kPingInterval;
  if (position != nullptr) {
    known_.insert(key_of(position->offset, position->unique_event_id));
  }
  act(action::Send{subscribe_message(id_, subscription, offset, from && subscription.highest)});
}

// --- what OHIP says

void Session::heard(Moment now) {
  heard_ = now.steady;
}

// OHIP has let us in, and has nothing newer, as far as can be told.
bool Session::is_idle(Moment now) const {
  return accepted_ && !dropping_ && reading() && now.steady - last_event_ >= kSettledIn;
}

void Session::message(Moment now, std::string_view text) {
  if (!has_socket()) {
    return;
  }
  heard(now);
  if (state_ == State::kClosing) {
    return;
  }
  ServerMessage message = parse_server_message(text);
  const bool heartbeat = message.type == "ping" || message.type == "pong";
  const bool subscribed = state_ == State::kStreaming || state_ == State::kDraining;
  if (heartbeat && message.damage.empty()) {
    if (message.type == "ping") {
      act(action::Send{kPongMessage});
    } else {
      take_pong();
    }
  } else if (message.type == "connection_ack" && message.damage.empty()) {
    if (state_ == State::kInitializing) {
      subscribe(now);
    }
  } else if (!subscribed) {
    lose(Error(ExitStatus::kUnavailable,
               fmt::format("OHIP sent {} where connection_ack was due",
                           message.damage.empty() ? word(message.type) : "no JSON")));
    close(now, kNormal);
  } else if (message.type == "error" && message.id == id_ && message.damage.empty()) {
    lose(closing_of(4400, word(message.words), false).error);
    final_ = true;
    state_ = State::kDraining;
    limit_ = now.steady + kOverTimeout;
  } else if (message.type == "complete" && message.id == id_ && message.damage.empty()) {
    if (state_ == State::kStreaming) {
      lose(Error(ExitStatus::kUnavailable, "OHIP ended the subscription"));
      state_ = State::kDraining;
      limit_ = now.steady + kOverTimeout;
    }
    completed_ = completed_.value_or(now.steady);
  } else if (message.type == "next" || message.has_event || !message.damage.empty()) {
    take_event(now, std::move(message));
  } else {
    act(action::Note{fmt::format("OHIP sent a message of type {}, which has no meaning here",
                                 word(message.type))});
  }
}

// What comes after a pause may have been held up on its way, with events behind it. Only the answer
// to what was sent after the pause shows that OHIP itself had nothing to send meanwhile.
void Session::take_pong() {
  pongs_ = std::min(pongs_ + 1, pings_);
  if (probe_ && pongs_ >= probe_->ping) {
    quiet_ = probe_->sent;
    probe_.reset();
  }
}

// --- events

void Session::take_event(Moment now, ServerMessage&& message) {
  probe_.reset();
  if (dropping_) {
    return;
  }
  if (message.damage.empty() && message.id != id_) {
    // Whose it is cannot be told, so nothing behind it may be taken either.
    lose(Error(ExitStatus::kUnavailable, "OHIP sent an event of another subscription"));
    return drop(now);
  }
  StreamEvent event = std::move(message.event);
  event.received = now.wall;
  if (!message.damage.empty()) {
    event.reject = "it is no valid JSON: " + message.damage;
  } else if (message.type != "next") {
    event.reject = "it came in a message of another type than next";
  } else if (!message.has_event) {
    event.reject = message.words.empty() ? "it holds no event"
                                         : "OHIP could not make it: " + word(message.words);
  } else if (!is_offset(event.offset)) {
    event.reject = "its offset is none of OHIP's";
  } else if (event.unique_event_id.empty()) {
    event.reject = "it has no uniqueEventId";
  } else if (!message.words.empty()) {
    act(action::Note{"OHIP sent an event with errors: " + word(message.words)});
  }
  if (!is_offset(event.offset)) {
    event.offset.clear();
  }
  if (!event.reject.empty() && ++rejects_ > kMaxRejects) {
    lose(Error(ExitStatus::kUnavailable, "OHIP sends too much that is no event: " + event.reject));
    final_ = true;
    return drop(now);
  }
  last_event_ = now.steady;
  idle_at_complete_ = {};
  const bool known = is_known(now, event);
  accept(now);
  if (!known) {
    remember(event);
    publish(std::move(event));
  }
}

// A replay begins with the position's own event; others are repeated at times. Two events are one
// only when offset and id are the same: an event too many can be dropped by those who read it, one
// too few by nobody.
bool Session::is_known(Moment now, const StreamEvent& event) {
  const bool told = !event.unique_event_id.empty() || !event.offset.empty();
  if (first_ && told) {
    first_ = false;
    const Position* const position = start();
    if (position == nullptr) {
      return false;
    }
    const bool same = position->unique_event_id.empty()
                          ? event.offset == position->offset
                          : event.unique_event_id == position->unique_event_id;
    if (same) {
      return true;
    }
    judge_gap(now, *position, event);
  }
  return event.reject.empty() && known_.contains(key_of(event.offset, event.unique_event_id));
}

// What was not yet taken when OHIP last had nothing newer is kept for seven days from then on:
// until that is over nothing can be missing, whatever backlog the runs since then have left. And a
// day after the last connection OHIP may number anew. Where no event has been committed yet, this
// subscription is as good as the first one for a day: what OHIP has given up since then was older
// than six days even then.
void Session::judge_gap(Moment now, const Position& position, const StreamEvent& event) {
  const TimePoint last = std::max({position.received, position.quiet, position.since});
  const bool asked_for_all = position.offset.empty();
  const bool begins = asked_for_all && now.wall - position.since <= kOldestDay;
  const bool expired = !begins && now.wall - position.quiet > kExpiring;
  const bool renumbered = !asked_for_all && now.wall - last > kRenumbered;
  if (!expired && !renumbered) {
    if (!asked_for_all && !std::exchange(told_exclusive_, true)) {
      act(action::Note{"OHIP's replay did not begin with the event that it was asked for"});
    }
    return;
  }
  act(action::Tell{Error(
      ExitStatus::kPossibleLoss,
      fmt::format("events between {} and {} may be missing: OHIP was asked for {} and began with "
                  "another event, {}",
                  last == TimePoint{} ? "an unknown time" : rfc3339_utc(last),
                  word(event.timestamp), asked_for_all ? "all" : "offset " + position.offset,
                  expired ? "and it keeps events for seven days"
                          : "as it may a day after the last connection"),
      "compare OPERA's reservations of that time with what is in Kafka",
      fmt::format("offset {}", event.offset))});
}

void Session::publish(StreamEvent event) {
  if (!ready_) {
    held_bytes_ += event.json.size();
    held_.push_back(std::move(event));
    return;
  }
  if (!event.offset.empty()) {
    reached_ = Position{.offset = event.offset,
                        .unique_event_id = event.unique_event_id,
                        .received = event.received,
                        .ended = {}};
  }
  act(action::Publish{std::move(event)});
}

void Session::remember(const StreamEvent& event) {
  std::string key = key_of(event.offset, event.unique_event_id);
  if (!event.reject.empty() || !known_.insert(key).second) {
    return;
  }
  recent_.push_back(std::move(key));
  if (recent_.size() > kMaxRecent) {
    known_.erase(recent_.front());
    recent_.pop_front();
  }
}

// --- Kafka

void Session::accept(Moment now) {
  if (!std::exchange(accepted_, true)) {
    if (state_ == State::kStreaming) {
      failure_.reset();
      failures_ = 0;
    }
    take_over(now);
  }
}

void Session::take_over(Moment now) {
  if (!std::exchange(asked_over_, true)) {
    awaiting_over_ = true;
    stuck_since_ = now.steady;
    act(action::TakeOver{.since = now.wall});
  }
}

void Session::taken_over(Moment now, const std::optional<Position>& position) {
  if (!std::exchange(awaiting_over_, false)) {
    return;
  }
  ready_ = true;
  stuck_since_ = room_ ? SteadyPoint::max() : now.steady;
  if (!dropping_ && has_moved(position)) {
    act(action::Note{"a commit of an earlier run came through; once more, from there"});
    drop(now);
  }
  for (StreamEvent& event : std::exchange(held_, {})) {
    publish(std::move(event));
  }
  held_bytes_ = 0;
  heard_ = std::max(heard_, now.steady);  // nothing may have been read meanwhile
  if (state_ == State::kSettling) {
    settle();
  }
}

// Since it was asked for, so that what came is not what follows it.
bool Session::has_moved(const std::optional<Position>& position) const {
  const bool from = settings_.subscription.has_from() && !from_done_;
  return !from && !settings_.subscription.replay() &&
         !position.value_or(Position{}).same_event(position_.value_or(Position{}));
}

void Session::room(Moment now, bool room) {
  if (room_ == room) {
    return;
  }
  room_ = room;
  stuck_since_ = room ? SteadyPoint::max() : now.steady;
  if (room) {  // nothing was read meanwhile
    heard_ = now.steady;
    last_event_ = now.steady;
  }
}

void Session::settled(Moment now) {
  if (state_ != State::kSettling) {
    return;
  }
  if (reached_) {
    from_done_ = true;
    own_ = reached_;
  }
  go_on(now);
}

void Session::failed(Moment now, const Error& error) {
  if (ended()) {
    return;
  }
  const bool unreachable = error.status() == ExitStatus::kUnavailable;
  if (state_ == State::kConnecting && unreachable && !stopping_) {  // no token
    lose(error);
    plan_retry(now, Closing{.error = error, .backoff = true});
    return go_on(now);
  }
  failure_ = error;
  lost_ = final_ = true;
  awaiting_over_ = ready_ = false;
  if (has_socket()) {
    return drop(now);
  }
  finish(failure_);
}

// --- the end of a subscription

// The first of one connection says most.
void Session::lose(const Error& error) {
  if (!std::exchange(lost_, true)) {
    failure_ = error;
  }
}

// What comes from now on is left to the next subscription.
void Session::drop(Moment now) {
  dropping_ = true;
  probe_.reset();
  quiet_ = {};
  held_.clear();
  held_bytes_ = 0;
  if (state_ == State::kInitializing) {
    return close(now, kNormal);
  }
  if (state_ == State::kStreaming) {
    drain(now);
  }
}

void Session::drain(Moment now) {
  idle_at_complete_ = is_idle(now) ? now.wall : TimePoint{};
  state_ = State::kDraining;
  completed_ = now.steady;
  limit_ = now.steady + kDrainTimeout;
  act(action::Send{complete_message(id_)});
}

void Session::close(Moment now, int code) {
  state_ = State::kClosing;
  limit_ = now.steady + kCloseTimeout;
  act(action::Close{code});
}

void Session::closed(Moment now, int code, std::string_view reason, bool by_us) {
  if (!has_socket()) {
    return;
  }
  const Closing closing = closing_of(code, masked(reason, 200), by_us);
  const bool as_asked = by_us || code == kNormal;
  if (completed_) {
    ended_ = as_asked ? "complete" : std::to_string(code);
    if (code == kNormal && !by_us) {  // so it heard us
      quiet_ = std::max(quiet_, idle_at_complete_);
    }
    allowed_ = std::max<SteadyPoint>(*completed_ + kBetween,
                                     as_asked ? now.steady : now.steady + closing.wait);
  } else {
    ended_ = std::to_string(code);
    if (state_ != State::kClosing) {  // else it is said why, or there is no fault
      lose(closing.error);
    }
    plan_retry(now, closing);
  }
  end_subscription(now);
}

void Session::end_subscription(Moment now) {
  state_ = State::kSettling;
  not_before_ = now.wall + std::chrono::ceil<std::chrono::microseconds>(
                               std::max<SteadyPoint::duration>(allowed_ - now.steady, 0s));
  if (awaiting_over_) {
    return;
  }
  if (ready_) {
    return settle();
  }
  go_on(now);  // nothing is written where another machine may be at work
}

void Session::settle() {
  act(action::Settle{.ended = ended_, .not_before = not_before_, .quiet = quiet_});
}

void Session::plan_retry(Moment now, const Closing& closing) {
  ++failures_;
  Milliseconds wait = closing.wait;
  seconds jitter = closing.jitter;
  if (closing.backoff) {
    wait = std::max<Milliseconds>(
        wait, std::min<Milliseconds>(kMaxBackoff, 5s * (1 << std::min(failures_, 5))));
    jitter = duration_cast<seconds>(wait / 5);
  } else if (closing.next_wait != 0s && std::exchange(locked_out_, true)) {
    wait = closing.next_wait;
  }
  allowed_ = now.steady + wait + spread(random_(), jitter);
  if (closing.then == Closing::Then::kStop) {
    final_ = true;
  } else if (closing.then == Closing::Then::kNewToken) {
    new_token_ = true;
    final_ = final_ || std::exchange(renewed_, true);
  }
}

void Session::go_on(Moment now) {
  if (over(now)) {
    return finish(failure_);
  }
  if (allowed_ <= now.steady) {
    return ask();
  }
  wait_until(now, allowed_);
}

void Session::finish(std::optional<Error> error) {
  state_ = State::kEnded;
  act(action::End{std::move(error)});
}

void Session::stop(Moment now) {
  stopping_ = true;
  if (state_ == State::kWaiting) {
    finish(failure_);
  } else if (state_ == State::kInitializing) {
    close(now, kNormal);
  } else if (state_ == State::kStreaming) {
    drain(now);
  }
}

// --- time

SteadyPoint Session::next_tick() const {
  switch (state_) {
    case State::kWaiting:
      return std::min(allowed_, settings_.end);
    case State::kInitializing:
      return std::min(limit_, settings_.end);
    case State::kClosing:
      return limit_;
    case State::kDraining:
      return std::min(limit_, next_ping_);
    case State::kStreaming:
      break;
    default:
      return SteadyPoint::max();
  }
  SteadyPoint next = std::min({next_ping_, expires_, settings_.end});
  if (reading()) {
    next = std::min<SteadyPoint>(next, heard_ + kSilence);
  }
  if (!accepted_) {
    next = std::min<SteadyPoint>(next, subscribed_ + kSettledIn);
  }
  if (settings_.drain && reading()) {
    next = std::min<SteadyPoint>(next, last_event_ + kSettledIn);
  }
  if (stuck_since_ != SteadyPoint::max()) {
    next = std::min<SteadyPoint>(next, stuck_since_ + kStuckTimeout);
  }
  return next;
}

void Session::tick(Moment now) {
  switch (state_) {
    case State::kWaiting:
      if (over(now)) {
        finish(failure_);
      } else if (now.steady >= allowed_) {
        ask();
      }
      return;
    case State::kInitializing:
      if (now.steady >= limit_) {
        lose(Error(ExitStatus::kUnavailable, "OHIP sent no connection_ack within 10 s"));
        close(now, kNormal);
      } else if (over(now)) {
        close(now, kNormal);
      }
      return;
    case State::kStreaming:
      return tick_streaming(now);
    case State::kDraining:
      tick_socket(now);
      if (now.steady >= limit_) {
        close(now, kNormal);
      }
      return;
    case State::kClosing:
      if (now.steady >= limit_) {
        closed(now, kBroken, "", true);
      }
      return;
    default:
      return;
  }
}

void Session::tick_socket(Moment now) {
  if (now.steady >= next_ping_) {
    next_ping_ = now.steady + kPingInterval;
    ++pings_;
    if (!probe_ && state_ == State::kStreaming && is_idle(now)) {
      probe_ = Probe{.ping = pings_, .sent = now.wall};
    }
    act(action::Send{kPingMessage});
  }
}

void Session::tick_streaming(Moment now) {
  tick_socket(now);
  if (!accepted_ && now.steady >= subscribed_ + kSettledIn) {
    accept(now);
  }
  if (stuck_since_ != SteadyPoint::max() && now.steady >= stuck_since_ + kStuckTimeout) {
    lose(Error(ExitStatus::kUnavailable, "Kafka has taken no event for 60 s",
               "OHIP keeps what was not taken for seven days"));
    final_ = true;
    return drop(now);
  }
  if (reading() && now.steady >= heard_ + kSilence) {
    lose(Error(ExitStatus::kUnavailable, "nothing came from OHIP for 180 s"));
    act(action::Send{complete_message(id_)});
    return close(now, kNormal);
  }
  const bool drained = settings_.drain && reading() && now.steady >= last_event_ + kSettledIn;
  final_ = final_ || drained;
  if (over(now) || now.steady >= expires_) {
    drain(now);
  }
}

}  // namespace ohip
