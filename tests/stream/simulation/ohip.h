#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stream/simulation/world.h"

namespace ohip::simulation {

// What the client hears, in this order.
struct Heard {
  std::string text;
  int close = 0;  // not 0: the connection's end
};

// OHIP as its documents say it is, and as it is feared: offsets with holes, an inclusive replay,
// events kept for seven days, one consumer, lock-outs, late events after complete, repeats, delays,
// connections that break or are closed anywhere.
class Ohip {
 public:
  struct Event {
    std::string offset;
    std::string id;
    Milliseconds emitted;
  };

  explicit Ohip(World& world) : world_(world) {
    lock_out_ = world.random.chance(0.5) ? std::chrono::seconds(120) : std::chrono::seconds(11);
  }

  void emit();
  const std::vector<Event>& events() const { return events_; }
  // The first that is still kept.
  std::size_t oldest() const;

  // The client's side of a connection.
  int connect();
  void listen(int connection, std::function<void(const Heard&)> hear);
  void receive(int connection, const std::string& text);
  void disconnect(int connection);  // without a word
  // Whether it has been let in.
  bool subscribed(int connection) const;

 private:
  struct Connection {
    std::function<void(const Heard&)> hear;
    std::string id;
    bool acknowledged = false;
    bool subscribed = false;
    bool was_subscribed = false;
    bool completed = false;
    std::size_t first = 0;  // event of the subscription
    std::size_t next = 0;
    int late = 0;  // events that still come after complete
    Milliseconds last_ping{0};
    Milliseconds busy_until{0};  // what is under way to the client arrives in its order
  };

  void say(int connection, std::string text);
  void close(int connection, int code);
  void end(Connection& connection);
  void subscribe(int connection, const std::string& text);
  void complete(int connection);
  void pump(int connection);
  std::string message(const Connection& connection, std::size_t index) const;

  World& world_;
  Milliseconds lock_out_{0};  // for how long OHIP waits for one who left without complete
  std::vector<Event> events_;
  std::map<int, Connection> connections_;
  int count_ = 0;
  int active_ = 0;  // 0: none
  Milliseconds locked_until_{0};
  std::size_t sent_ = 0;  // OHIP's own memory of where a stream was
};

}  // namespace ohip::simulation
