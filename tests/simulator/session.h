#pragma once

#include <rapidjson/document.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "simulator/graphql.h"
#include "simulator/websocket.h"

namespace ohip::sim {

class Streaming;
struct Fault;

// One web socket of the Streaming API, from the answered upgrade to its end, in its thread.
class Session {
 public:
  // right_protocol: the client offered graphql-transport-ws.
  Session(Streaming& streaming, Socket& socket, bool right_protocol);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void run();

  // From another thread: there may be events to send, or an end that was asked for.
  void wake() const;

 private:
  using Clock = std::chrono::steady_clock;
  using Action = std::function<void()>;

  void turn();
  void wait(bool busy);
  void watch_clocks();
  void handle(const std::string& text);
  void dispatch(const std::string& type, const rapidjson::Document& message);
  void init(const rapidjson::Document& message);
  void subscribe(const std::string& id, const rapidjson::Value& payload);
  void start(const std::string& id, Operation operation);
  void answer_query(const std::string& id, const Operation& operation);
  void complete();
  bool send_events();  // false: there is no more for now
  void send_event(const std::string& json);

  // Does it, or what a fault wants to happen to it.
  void perform(const std::string& on, const Action& action);
  // frame: the event that the action sends, if it does.
  void disturb(const Fault& fault, const Action& action, const std::string& frame);
  void later(std::chrono::milliseconds time, Action action);

  void close(std::uint16_t code, const std::string& reason);
  // No more events; the chain's stream is free again after that time.
  void leave(std::chrono::milliseconds locked_for);

  Streaming& streaming_;
  Socket& socket_;
  WebSocket web_;
  int wake_fd_;
  std::multimap<Clock::time_point, Action> later_;
  bool init_seen_ = false;
  bool acknowledged_ = false;
  std::string authorization_;
  std::string id_;  // of the subscription; empty: there is none
  NewEventInput input_;
  std::vector<Field> fields_;
  std::size_t next_ = 0;  // the next event's index
  bool subscribed_ = false;
  std::optional<std::size_t> late_left_;  // complete has come: events that are still sent
  Clock::time_point held_until_;          // no event before that
  Clock::time_point last_ping_;           // the client's
  Clock::time_point last_pong_;
  Clock::time_point next_ping_;  // ours
  Clock::time_point next_look_;  // at the token
  std::optional<Clock::time_point> closed_;
};

}  // namespace ohip::sim
