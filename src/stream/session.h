#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "stream/closing.h"
#include "stream/message.h"
#include "stream/position.h"
#include "stream/refusal.h"
#include "stream/subscription.h"

namespace ohip {

// Both clocks at one moment: steady for what happens within this run, wall for what is told to
// people and to later runs.
struct Moment {
  SteadyPoint steady;
  TimePoint wall;
};

struct SessionSettings {
  Subscription subscription;
  std::string app_key;
  SteadyPoint end;     // of the run: complete is sent then
  bool drain = false;  // complete as soon as no event has come for 5 s
};

// A connection that stands.
struct Opening {
  std::string token;  // for connection_init
  TimePoint expires;  // that token's
  std::string id;     // for the subscription: a new UUID
};

// What the session wants done, in this order.
namespace action {

// Ask Kafka for the position as committed, without waiting for open transactions → positioned().
struct AskPosition {};
// Get a token and open the socket → opened() or refused(); failed() where there is no token.
// new_token: OHIP has refused the one that it was given.
struct Connect {
  bool new_token = false;
};
struct Send {
  std::string text;  // may hold the token: not for a log
};
// Close the socket from our side → closed().
struct Close {
  int code;
};
// OHIP has accepted the subscription: fence other machines, settle what a killed run left open, ask
// for the position again → taken_over() or failed(). since: for a position that none is before.
struct TakeOver {
  TimePoint since;
};
// Publish, in this order, with the position behind each → room() or failed().
struct Publish {
  StreamEvent event;
};
// The subscription is over. Commit all that was to be published, and with the last of it, or on its
// own where there is nothing, how it ended: not_before and ended into the position, quiet too where
// it is later than the position's → settled() or failed().
struct Settle {
  std::string ended;
  TimePoint not_before;
  TimePoint quiet;
};
// A finding for the report; the run goes on.
struct Tell {
  Error error;
};
// Worth a line with -v.
struct Note {
  std::string text;
};
// The run is over. Without an error all is well, but for what was told.
struct End {
  std::optional<Error> error;
};

}  // namespace action

using Action = std::variant<action::AskPosition, action::Connect, action::Send, action::Close,
                            action::TakeOver, action::Publish, action::Settle, action::Tell,
                            action::Note, action::End>;

// One run of ohip-stream: its subscriptions one after the other, the waits between them, and what
// the run ends with. A pure state machine: what happens comes in by the methods, what is to be done
// goes out by actions(); it has no clock, no thread and no socket. Never throws.
class Session {
 public:
  // random: 0 … 1, for waits. Begins at once.
  Session(SessionSettings settings, Moment now, std::function<double()> random);

  // What is to be done since the last call, in its order. To be asked for after each event.
  std::vector<Action> actions();
  bool ended() const;
  // Whether the socket is to be read from.
  bool reading() const;
  // Until when OHIP had nothing newer than what was to be published; 0: not known.
  TimePoint quiet() const { return quiet_; }
  // When tick() is due at the latest, if nothing else happens.
  SteadyPoint next_tick() const;

  void tick(Moment now);
  void stop(Moment now);  // a signal: ends the subscription as Oracle asks, then the run

  // The socket.
  void opened(Moment now, const Opening& opening);
  void refused(Moment now, const Refusal& refusal);
  void message(Moment now, std::string_view text);
  void heard(Moment now);  // a frame of any kind
  void closed(Moment now, int code, std::string_view reason, bool by_us);

  // Kafka.
  void positioned(Moment now, const std::optional<Position>& position);
  void taken_over(Moment now, const std::optional<Position>& position);
  // Whether more events than were published so far would be taken.
  void room(Moment now, bool room);
  void settled(Moment now);
  // Kafka or the token: ends the run with this, after complete where a subscription stands. Nothing
  // that was published and is not committed yet may be committed from now on.
  void failed(Moment now, const Error& error);

 private:
  enum class State {
    kAsking,        // for the position
    kWaiting,       // until the next subscription is allowed
    kConnecting,    // token and socket
    kInitializing,  // connection_init is sent
    kStreaming,     // subscribe is sent
    kDraining,      // complete is sent, or OHIP has ended the subscription
    kClosing,       // we close
    kSettling,      // the socket is gone; Kafka is waited for
    kEnded,
  };

  // A ping to an OHIP that has sent no event for a while.
  struct Probe {
    std::size_t ping;  // which one it is of the connection's
    TimePoint sent;
  };

  template <typename T>
  void act(T action) {
    actions_.emplace_back(std::move(action));
  }

  void ask();
  void wait_until(Moment now, SteadyPoint time);
  void connect();
  void close(Moment now, int code);
  void subscribe(Moment now);
  void drain(Moment now);
  void drop(Moment now);
  void go_on(Moment now);
  void finish(std::optional<Error> error);

  void take_pong();
  void take_event(Moment now, ServerMessage&& message);
  bool is_known(Moment now, const StreamEvent& event);
  void judge_gap(Moment now, const Position& position, const StreamEvent& event);
  void publish(StreamEvent event);
  void remember(const StreamEvent& event);
  void accept(Moment now);
  void take_over(Moment now);
  void settle();
  void end_subscription(Moment now);
  void plan_retry(Moment now, const Closing& closing);
  void tick_streaming(Moment now);
  void tick_socket(Moment now);
  void lose(const Error& error);

  bool has_socket() const;
  bool is_stuck() const;
  bool is_idle(Moment now) const;
  bool has_moved(const std::optional<Position>& position) const;
  bool over(Moment now) const { return stopping_ || final_ || now.steady >= settings_.end; }
  const Position* start() const;

  SessionSettings settings_;
  std::function<double()> random_;
  std::vector<Action> actions_;
  State state_ = State::kAsking;

  // Of the run.
  SteadyPoint began_;
  bool stopping_ = false;
  bool final_ = false;            // no further subscription
  std::optional<Error> failure_;  // what the run ends with, unless a later subscription does well
  std::optional<Position> position_;  // as asked for last
  std::optional<Position> own_;       // of a replay: up to where it has come
  bool from_done_ = false;            // --from has had its effect
  SteadyPoint allowed_{};             // the next subscription, not before
  int failures_ = 0;                  // in a row
  bool locked_out_ = false;           // by 4409, in this run
  bool renewed_ = false;              // the token, because of 4401
  bool new_token_ = false;            // to be asked for
  bool subscribed_once_ = false;
  bool lost_ = false;  // failure_ is of the connection at hand
  bool told_exclusive_ = false;
  std::size_t rejects_ = 0;

  // Of the subscription.
  std::string id_;
  bool accepted_ = false;    // OHIP has let us in
  bool asked_over_ = false;  // TakeOver
  bool awaiting_over_ = false;
  bool ready_ = false;     // events can be published
  bool dropping_ = false;  // what comes is left to the next subscription
  bool first_ = true;      // no event has come yet
  bool room_ = true;
  std::deque<StreamEvent> held_;  // until ready
  std::size_t held_bytes_ = 0;
  std::deque<std::string> recent_;            // events that were taken, oldest first
  std::set<std::string, std::less<>> known_;  // the same, and the position's
  std::optional<Position> reached_;           // by what was published
  SteadyPoint expires_{};                     // by the token
  SteadyPoint subscribed_{};
  SteadyPoint last_event_{};
  SteadyPoint heard_{};
  TimePoint idle_at_complete_{};  // when complete was sent to an OHIP with nothing newer
  SteadyPoint next_ping_{};
  std::size_t pings_ = 0;       // sent
  std::size_t pongs_ = 0;       // and answered, one after the other
  std::optional<Probe> probe_;  // not yet answered, and no event has come since
  SteadyPoint stuck_since_{};
  SteadyPoint limit_{};  // of the state
  std::optional<SteadyPoint> completed_;
  std::string ended_;  // in a word
  TimePoint not_before_{};
  TimePoint quiet_{};
};

}  // namespace ohip
