#include "stream/simulation/ohip.h"

#include <algorithm>

namespace ohip::simulation {
namespace {

using namespace std::chrono_literals;

constexpr Milliseconds kRetention = 7 * 24h;
constexpr Milliseconds kBetween = 10s;
constexpr Milliseconds kSilence = 16s;  // of the client: it must ping at least every 15 s

std::string between(const std::string& text, std::string_view from, std::string_view to) {
  const std::size_t at = text.find(from);
  if (at == std::string::npos) {
    return {};
  }
  const std::size_t begin = at + from.size();
  return text.substr(begin, text.find(to, begin) - begin);
}

}  // namespace

void Ohip::emit() {
  static_assert(sizeof(std::size_t) == 8);
  const std::size_t last = events_.empty() ? 100 : std::stoul(events_.back().offset);
  events_.push_back({.offset = std::to_string(last + 1 + world_.random.below(5)),
                     .id = "e" + std::to_string(events_.size()),
                     .emitted = world_.agenda.time()});
  if (active_ != 0) {
    const int connection = active_;
    world_.agenda.in(world_.random.between(1ms, 50ms), [this, connection] { pump(connection); });
  }
}

std::size_t Ohip::oldest() const {
  const auto kept = std::partition_point(events_.begin(), events_.end(), [&](const Event& event) {
    return event.emitted + kRetention <= world_.agenda.time();
  });
  return static_cast<std::size_t>(kept - events_.begin());
}

int Ohip::connect() {
  connections_[++count_] = {};
  return count_;
}

void Ohip::listen(int connection, std::function<void(const Heard&)> hear) {
  connections_.at(connection).hear = std::move(hear);
}

bool Ohip::subscribed(int connection) const {
  const auto found = connections_.find(connection);
  return found != connections_.end() && found->second.was_subscribed;
}

// In its order, whatever the delays.
void Ohip::say(int connection, std::string text) {
  Connection& to = connections_.at(connection);
  const Milliseconds delay =
      world_.fault(0.01) ? world_.random.between(0ms, 20s) : world_.random.between(0ms, 20ms);
  to.busy_until = std::max(to.busy_until, world_.agenda.time() + delay);
  world_.agenda.in(to.busy_until - world_.agenda.time(),
                   [this, connection, text = std::move(text)] {
                     const auto found = connections_.find(connection);
                     if (found != connections_.end() && found->second.hear) {
                       found->second.hear({.text = text});
                     }
                   });
}

void Ohip::close(int connection, int code) {
  Connection& to = connections_.at(connection);
  end(to);
  to.busy_until = std::max(to.busy_until, world_.agenda.time() + world_.random.between(0ms, 20ms));
  world_.agenda.in(to.busy_until - world_.agenda.time(), [this, connection, code] {
    const auto found = connections_.find(connection);
    if (found != connections_.end() && found->second.hear) {
      const auto hear = std::exchange(found->second.hear, nullptr);
      hear({.text = {}, .close = code});
    }
  });
}

// Whoever leaves without complete, or is thrown out, is waited for.
void Ohip::end(Connection& connection) {
  if (!connection.subscribed) {
    return;
  }
  connection.subscribed = false;
  active_ = 0;
  const Milliseconds lock = connection.completed ? kBetween : lock_out_;
  locked_until_ = std::max(locked_until_, world_.agenda.time() + lock);
}

void Ohip::disconnect(int connection) {
  connections_.at(connection).hear = nullptr;
  const Milliseconds noticed = world_.random.chance(0.5) ? 0ms : world_.random.between(0ms, 60s);
  world_.agenda.in(noticed, [this, connection] { end(connections_.at(connection)); });
}

void Ohip::receive(int connection, const std::string& text) {
  Connection& from = connections_.at(connection);
  if (!from.hear) {
    return;
  }
  const std::string type = between(text, R"("type":")", "\"");
  if (type == "connection_init") {
    promise(!from.acknowledged, "connection_init was sent twice");
    from.acknowledged = true;
    if (world_.fault(0.02)) {
      return close(connection, world_.random.chance(0.5) ? 4401 : 4408);
    }
    if (!world_.fault(0.02)) {
      say(connection, R"({"type":"connection_ack"})");
    }
  } else if (type == "subscribe") {
    promise(from.acknowledged && from.id.empty(), "subscribe came too early or twice");
    from.id = between(text, R"("id":")", "\"");
    from.last_ping = world_.agenda.time();
    world_.agenda.in(world_.random.between(0ms, 2s),
                     [this, connection, text] { subscribe(connection, text); });
  } else if (type == "ping") {
    promise(world_.agenda.time() - from.last_ping < kSilence, "no ping for 15 s");
    from.last_ping = world_.agenda.time();
    if (!world_.fault(0.05)) {
      say(connection, R"({"type":"pong"})");
    }
  } else if (type == "complete") {
    promise(between(text, R"("id":")", "\"") == from.id, "complete for another subscription");
    complete(connection);
  }
}

void Ohip::subscribe(int connection, const std::string& text) {
  Connection& from = connections_.at(connection);
  if (!from.hear) {
    return;
  }
  if (from.completed) {  // before it began
    return close(connection, 1000);
  }
  if (active_ != 0 || world_.agenda.time() < locked_until_) {
    ++world_.counts.locked_out;
    world_.tell("OHIP turns {} away: {} is active, locked until {}", connection, active_,
                locked_until_.count() / 1000);
    return close(connection, 4409);
  }
  ++world_.counts.subscriptions;
  const std::string offset = between(text, R"(offset: \")", "\\");
  from.first = std::max(sent_, oldest());
  if (!offset.empty()) {
    const auto found = std::find_if(events_.begin(), events_.end(),
                                    [&](const Event& event) { return event.offset == offset; });
    from.first = found == events_.end()
                     ? oldest()
                     : std::max(oldest(), static_cast<std::size_t>(found - events_.begin()));
  }
  from.next = from.first;
  from.subscribed = from.was_subscribed = true;
  active_ = connection;
  pump(connection);
}

std::string Ohip::message(const Connection& connection, std::size_t index) const {
  const Event& event = events_[index];
  return R"({"id":")" + connection.id +
         R"(","type":"next","payload":{"data":{"newEvent":{"metadata":{"offset":")" + event.offset +
         R"(","uniqueEventId":")" + event.id + R"("},"timestamp":"t","primaryKey":")" +
         std::to_string(index) + R"("}}}})";
}

void Ohip::pump(int connection) {
  Connection& to = connections_.at(connection);
  if (!to.subscribed || !to.hear) {
    return;
  }
  while (to.next < events_.size() && (!to.completed || to.late-- > 0)) {
    if (world_.fault(0.01)) {
      ++world_.counts.broken;
      constexpr int kCodes[] = {1000, 1001, 1006, 1011, 1012, 4401, 4408, 4409, 4500, 4504, 4999};
      return close(connection, kCodes[world_.random.below(std::size(kCodes))]);
    }
    if (world_.fault(0.003)) {
      ++world_.counts.asides;
      say(connection, "no JSON");
    }
    say(connection, message(to, to.next));
    ++world_.counts.sent;
    sent_ = std::max(sent_, ++to.next);
    if (world_.fault(0.02) && to.next > to.first) {
      ++world_.counts.repeats;
      to.next -= 1 + world_.random.below(std::min<std::size_t>(5, to.next - to.first));
    }
    if (world_.fault(0.003)) {
      say(connection, R"({"type":"ping"})");
    }
    if (world_.fault(0.002)) {
      return say(connection, R"({"type":"complete","id":")" + to.id + R"("})");
    }
  }
}

void Ohip::complete(int connection) {
  Connection& from = connections_.at(connection);
  from.completed = true;
  from.late = static_cast<int>(world_.random.below(4));
  if (!from.subscribed) {
    return;
  }
  if (world_.fault(0.03)) {
    return;  // it never closes
  }
  const Milliseconds closing = world_.random.between(0ms, 3s);
  world_.agenda.in(closing, [this, connection] {
    Connection& to = connections_.at(connection);
    pump(connection);
    if (to.hear && to.subscribed) {
      close(connection, world_.fault(0.05) ? 1006 : 1000);
    }
  });
}

}  // namespace ohip::simulation
