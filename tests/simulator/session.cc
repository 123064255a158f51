#include "simulator/session.h"

#include <fmt/format.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "simulator/new_event.h"
#include "simulator/streaming.h"

namespace ohip::sim {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kMaxUnsent = 256UL << 10;  // of events that wait for the connection
constexpr std::size_t kEventsPerTurn = 256;      // then pings are looked for
constexpr milliseconds kCloseWait{2'000};        // for the other side's close frame
constexpr milliseconds kLongestWait{200};

std::string text_of(const rapidjson::Value& object, const char* name) {
  const bool there = object.IsObject() && object.HasMember(name) && object[name].IsString();
  return there ? object[name].GetString() : "";
}

const rapidjson::Value& member(const rapidjson::Value& object, const char* name) {
  static const rapidjson::Value null;
  return object.IsObject() && object.HasMember(name) ? object[name] : null;
}

std::string replace_id(std::string text, const std::string& id) {
  for (std::size_t at = text.find("$id"); at != std::string::npos; at = text.find("$id", at)) {
    text.replace(at, 3, id);
    at += id.size();
  }
  return text;
}

// An object with a link for each field, as getHelp's is.
std::string help(const std::vector<Field>& fields) {
  std::string members;
  for (const Field& field : fields) {
    const std::string value =
        field.fields.empty() ? R"("https://docs.oracle.com/")" : help(field.fields);
    members += fmt::format(R"({}"{}":{})", members.empty() ? "" : ",", field.name, value);
  }
  return "{" + members + "}";
}

}  // namespace

Session::Session(Streaming& streaming, Socket& socket, bool right_protocol)
    : streaming_(streaming), socket_(socket), web_(socket), wake_fd_(eventfd(0, EFD_NONBLOCK)) {
  if (!right_protocol) {
    close(4406, "Subprotocol not acceptable");
  }
  later(streaming_.options().init_timeout, [this] {
    if (!init_seen_) {
      close(4408, "Connection initialisation timeout");
    }
  });
  streaming_.enter(this);
}

Session::~Session() {
  streaming_.exit(this);
  leave(streaming_.options().lock_out);
  ::close(wake_fd_);
}

void Session::wake() const {
  eventfd_write(wake_fd_, 1);
}

void Session::run() {
  while (!web_.over() && (!closed_ || Clock::now() < *closed_ + kCloseWait)) {
    turn();
  }
}

void Session::turn() {
  for (const std::string& text : web_.receive()) {
    if (!closed_) {
      handle(text);
    }
  }
  watch_clocks();
  const bool more = send_events();
  if (web_.flush() && closed_) {
    closed_ = Clock::now();  // it still reads what came before
  }
  if (!web_.over()) {
    wait(more && web_.unsent() == 0);
  }
}

// Until there is something to do; busy: there is.
void Session::wait(bool busy) {
  const auto next = later_.empty() ? Clock::now() + kLongestWait : later_.begin()->first;
  const auto wait = std::chrono::ceil<milliseconds>(next - Clock::now());
  const auto longest = busy ? milliseconds(0) : web_.dripping() ? milliseconds(1) : kLongestWait;
  socket_.wait(web_.unsent() > 0 && !web_.dripping(), wake_fd_,
               std::clamp(wait, milliseconds(0), longest));
  eventfd_t ignored = 0;
  eventfd_read(wake_fd_, &ignored);
}

void Session::watch_clocks() {
  const auto now = Clock::now();
  while (!later_.empty() && later_.begin()->first <= now) {
    const Action action = std::move(later_.begin()->second);
    later_.erase(later_.begin());
    action();
  }
  if (const auto end = streaming_.end_asked_for(this)) {
    leave(streaming_.options().resubscribe_wait);
    if (end->first == 1006) {
      socket_.cut();
    } else {
      close(end->first, end->second);
    }
  }
  if (!acknowledged_ || closed_) {
    return;
  }
  const Options& options = streaming_.options();
  if (now - last_ping_ > options.ping_limit) {
    streaming_.count_late_ping();
    close(4504, "No ping");
  } else if (now - last_pong_ > options.pong_limit) {
    close(4504, "No pong");
  } else if (now >= next_look_) {
    next_look_ = now + std::chrono::seconds(1);
    if (!streaming_.accepts(authorization_)) {
      close(4401, "Unauthorized");
    }
  }
  if (now >= next_ping_) {
    next_ping_ = now + options.server_ping;
    web_.send(R"({"type":"ping"})");
  }
}

void Session::later(milliseconds time, Action action) {
  later_.emplace(Clock::now() + time, std::move(action));
}

void Session::close(std::uint16_t code, const std::string& reason) {
  if (!closed_) {
    closed_ = Clock::now();
    streaming_.count_close(code);
    web_.close(code, reason);
  }
}

void Session::leave(milliseconds locked_for) {
  if (std::exchange(subscribed_, false)) {
    streaming_.leave(this, input_.chain, locked_for);
  }
}

void Session::perform(const std::string& on, const Action& action) {
  if (const auto fault = streaming_.take_fault(on, input_.chain)) {
    disturb(*fault, action, {});
  } else {
    action();
  }
}

// What the server does by itself leaves the client the usual wait, not the long one.
void Session::disturb(const Fault& fault, const Action& action, const std::string& frame) {
  const milliseconds usual_wait = streaming_.options().resubscribe_wait;
  if (fault.code != 0) {
    leave(usual_wait);
    close(fault.code, fault.reason);
  } else if (fault.delivery.cut) {
    leave(usual_wait);
    streaming_.count_close(1006);
    web_.tear(frame, fault.delivery.bytes);
  } else if (fault.delivery.delay.count() > 0) {
    held_until_ = frame.empty() ? held_until_ : Clock::now() + fault.delivery.delay;
    later(fault.delivery.delay, action);
  } else if (fault.message) {
    web_.send(replace_id(*fault.message, id_));
    if (!frame.empty()) {
      action();
    }
  } else {
    std::this_thread::sleep_for(fault.delivery.stall);
    if (fault.drip.count() > 0) {
      web_.drip(fault.delivery.bytes, fault.drip);
    }
    for (std::uint32_t i = 0; i <= fault.repeats; ++i) {
      action();
    }
  }
}

void Session::handle(const std::string& text) {
  rapidjson::Document message;
  message.Parse(text.c_str());
  const std::string type = message.HasParseError() ? "" : text_of(message, "type");
  try {
    dispatch(type, message);
  } catch (const BadOperation& e) {
    close(4400, e.what());
  }
}

void Session::dispatch(const std::string& type, const rapidjson::Document& message) {
  if (type == "connection_init") {
    init(message);
  } else if (type == "ping") {
    last_ping_ = Clock::now();
    streaming_.count_ping();
    perform("ping", [this] { web_.send(R"({"type":"pong"})"); });
  } else if (type == "pong") {
    last_pong_ = Clock::now();
  } else if (type == "subscribe" && !acknowledged_) {
    close(4401, "Unauthorized");
  } else if (type == "subscribe") {
    subscribe(text_of(message, "id"), member(message, "payload"));
  } else if (type == "complete") {
    if (!id_.empty() && text_of(message, "id") == id_ && !late_left_) {
      complete();
    }
  } else {
    throw BadOperation("Invalid message received");
  }
}

void Session::init(const rapidjson::Document& message) {
  if (std::exchange(init_seen_, true)) {
    close(4429, "Too many initialisation requests");
    return;
  }
  const rapidjson::Value& payload = member(message, "payload");
  authorization_ = text_of(payload, "Authorization");
  perform("init",
          [this, right_key = text_of(payload, "x-app-key") == streaming_.options().app_key] {
            if (!right_key || !streaming_.accepts(authorization_)) {
              close(4401, "Unauthorized");
              return;
            }
            acknowledged_ = true;
            last_ping_ = last_pong_ = Clock::now();
            next_ping_ = last_ping_ + streaming_.options().server_ping;
            web_.send(R"({"type":"connection_ack"})");
          });
}

void Session::subscribe(const std::string& id, const rapidjson::Value& payload) {
  const std::string query = text_of(payload, "query");
  if (id.empty() || query.empty()) {
    throw BadOperation("Invalid message received");
  }
  Operation operation = parse_operation(query, member(payload, "variables"));
  if (operation.type == "query") {
    answer_query(id, operation);
  } else if (!id_.empty()) {
    close(4409, fmt::format("Subscriber for {} already exists", id));
  } else {
    start(id, std::move(operation));
  }
}

void Session::start(const std::string& id, Operation operation) {
  input_ = parse_input(operation.input);
  if (!streaming_.knows(input_.chain)) {
    close(4403, "Forbidden");
    return;
  }
  id_ = id;
  fields_ = std::move(operation.field.fields);
  if (fields_ == whole_selection()) {
    fields_.clear();
  }
  perform("subscribe", [this] {
    if (const auto refusal = streaming_.occupy(this, input_, next_)) {
      close(4409, *refusal);
      return;
    }
    subscribed_ = true;
  });
}

// OHIP closes the socket soon after it has answered.
void Session::answer_query(const std::string& id, const Operation& operation) {
  std::string value = help(operation.field.fields);
  if (operation.field.name == "connection") {
    value.clear();
    for (const Field& field : operation.field.fields) {
      value += fmt::format(R"({}"{}":"{}")", value.empty() ? "" : ",", field.name,
                           field.name == "id"      ? streaming_.connection_id()
                           : streaming_.occupied() ? "Active"
                                                   : "Inactive");
    }
    value = "{" + value + "}";
  }
  web_.send(fmt::format(R"({{"id":"{}","type":"next","payload":{{"data":{{"{}":{}}}}}}})", id,
                        operation.field.name, value));
  web_.send(fmt::format(R"({{"id":"{}","type":"complete"}})", id));
  later(milliseconds(20), [this] { close(1000, ""); });
}

void Session::complete() {
  late_left_ = subscribed_ ? streaming_.options().late_events : 0;
  if (subscribed_) {
    streaming_.leave(this, input_.chain, streaming_.options().resubscribe_wait);
  }
  perform("complete", [this] {
    later(milliseconds(100), [this] {
      subscribed_ = false;
      close(1000, "");
    });
  });
}

bool Session::send_events() {
  for (std::size_t i = 0; i < kEventsPerTurn && web_.unsent() < kMaxUnsent; ++i) {
    if (!subscribed_ || closed_ || socket_.ended() || late_left_ == std::size_t{0} ||
        Clock::now() < held_until_) {
      return false;
    }
    const auto event = streaming_.next(input_, fields_, next_);
    if (!event) {
      return false;
    }
    if (late_left_) {
      --*late_left_;
    }
    send_event(*event);
  }
  return true;
}

void Session::send_event(const std::string& json) {
  std::string frame;
  frame.reserve(json.size() + id_.size() + 64);
  frame.append(R"({"id":")")
      .append(id_)
      .append(R"(","type":"next","payload":{"data":{"newEvent":)");
  frame.append(json).append("}}}");
  const auto fault = streaming_.take_fault("event", input_.chain);
  const auto send = [this, index = next_ - 1](const std::string& whole) {
    streaming_.count_sent(input_.chain, index);
    web_.send(whole);
  };
  if (!fault) {
    send(frame);
    return;
  }
  if (fault->delivery.cut) {  // OHIP does not know better
    streaming_.count_sent(input_.chain, next_ - 1);
  }
  disturb(
      *fault, [send, frame] { send(frame); }, frame);
}

}  // namespace ohip::sim
