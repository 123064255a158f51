// libFuzzer: whatever a server says, in whatever order, a session neither throws nor hangs, sends
// nothing that could break out of a message, and passes events on as they came.

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "require.h"
#include "stream/session.h"

namespace {

using namespace std::chrono_literals;

// What Kafka and the socket's other side do when they are asked.
class Driver {
 public:
  explicit Driver(std::string_view input) : input_(input) {}

  void run() {
    follow();
    for (int i = 0; i < 1'000 && !session_.ended() && !input_.empty(); ++i) {
      step();
      follow();
    }
  }

 private:
  // A line is what the server says; some first bytes are other things that happen.
  void step() {
    const std::string_view line = input_.substr(0, input_.find('\n'));
    input_.remove_prefix(std::min(line.size() + 1, input_.size()));
    const char kind = line.empty() ? 'm' : line[0];
    switch (kind) {
      case 't':
        now_ += std::chrono::seconds(line.size() > 1 ? static_cast<unsigned char>(line[1]) : 1);
        return session_.tick(now());
      case 'c':
        return session_.closed(now(), line.size() > 1 ? 4400 + line[1] : 1000,
                               line.substr(std::min<std::size_t>(line.size(), 2)), false);
      case 'r':
        return session_.room(now(), line.size() > 1 && line[1] == '1');
      case 's':
        return session_.stop(now());
      default:
        return session_.message(now(), line);
    }
  }

  void follow() {
    for (auto actions = session_.actions(); !actions.empty(); actions = session_.actions()) {
      for (ohip::Action& action : actions) {
        std::visit([this](auto& wanted) { take(wanted); }, action);
      }
    }
    require(session_.ended() || session_.next_tick() >= ohip::SteadyPoint{});
  }

  void take(ohip::action::AskPosition&) {
    ohip::Position position;
    position.offset = "193";
    position.unique_event_id = "e193";
    position.ended = "complete";
    session_.positioned(now(), position);
  }
  void take(ohip::action::Connect&) {
    session_.opened(now(), {.token = "token", .expires = now().wall + 1h, .id = "s"});
  }
  void take(ohip::action::Send& send) {
    const ohip::ServerMessage sent = ohip::parse_server_message(send.text);
    require(sent.damage.empty() && !sent.type.empty());
  }
  void take(ohip::action::Close& close) { session_.closed(now(), close.code, "", true); }
  void take(ohip::action::TakeOver&) {
    ohip::Position position;
    position.offset = "193";
    position.unique_event_id = "e193";
    session_.taken_over(now(), position);
  }
  void take(ohip::action::Publish& publish) {
    const ohip::StreamEvent& event = publish.event;
    require(event.offset.empty() || ohip::is_offset(event.offset));
    if (event.reject.empty()) {
      require(!event.offset.empty() && !event.unique_event_id.empty());
      require(event.json.front() == '{' && event.json.back() == '}');
      require(ohip::parse_server_message(event.json).damage.empty());
    }
  }
  void take(ohip::action::Settle&) { session_.settled(now()); }
  void take(ohip::action::Tell&) {}
  void take(ohip::action::Note& note) { require(is_plain(note.text)); }
  void take(ohip::action::End& end) { require(!end.error || is_plain(end.error->what())); }

  static bool is_plain(std::string_view text) {
    return std::none_of(text.begin(), text.end(),
                        [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
  }

  ohip::Moment now() const { return {ohip::SteadyPoint(now_), ohip::TimePoint(now_)}; }

  std::string_view input_;
  std::chrono::seconds now_{1'000'000};
  ohip::Session session_{{.subscription = {.chain = "CHAIN"},
                          .app_key = "key",
                          .end = ohip::SteadyPoint(std::chrono::seconds(1'010'000)),
                          .drain = false},
                         now(),
                         [] { return 0.5; }};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Driver({reinterpret_cast<const char*>(data), size}).run();
  return 0;
}
