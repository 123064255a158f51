#include "http/websocket.h"

#include <fmt/format.h>
#include <openssl/rand.h>
#include <poll.h>
#include <wslay/wslay.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <exception>
#include <new>
#include <utility>

#include "base/secrets.h"
#include "http/connection.h"
#include "http/upgrade.h"

namespace ohip {
namespace {

using std::chrono::steady_clock;
using Frames = Handle<wslay_event_context, wslay_event_context_free>;

constexpr std::size_t kReadPerTurn = std::size_t{64} << 10;
constexpr std::size_t kSignOfLife = std::size_t{64} << 10;
constexpr std::size_t kMaxQueued = 64;        // answers to PINGs that the peer does not read
constexpr std::size_t kMaxCloseReason = 123;  // RFC 6455, 5.5
constexpr std::chrono::seconds kCloseTimeout{5};

Milliseconds until(steady_clock::time_point end) {
  return std::max(Milliseconds{0}, std::chrono::ceil<Milliseconds>(end - steady_clock::now()));
}

// What the URL's query holds, which nobody shall read.
std::vector<std::string> query_values(const std::string& url) {
  std::vector<std::string> values;
  std::size_t at = url.find('?');
  while (at != std::string::npos) {
    const std::size_t end = url.find('&', at + 1);
    std::string value = url.substr(at + 1, end == std::string::npos ? end : end - at - 1);
    value.erase(0, value.find('=') + 1);
    if (!value.empty()) {
      values.push_back(std::move(value));
    }
    at = end;
  }
  return values;
}

}  // namespace

// wslay's callbacks are its methods. What they throw waits in here until wslay has returned.
struct WebSocket::Impl {
  Impl(Route wanted, const Wakeup& woken) : route(std::move(wanted)), wakeup(woken) {}

  // --- the opening

  WebSocketAnswer open(const WebSocketRequest& request) {
    for (const std::string& value : query_values(request.url)) {
      keep_secret(value);
    }
    // What the caller's function throws comes out of here, but for the making of the connection.
    const Connection::Patience patience = [&] {
      return !(request.give_up && request.give_up()) && until(opened_by).count() > 0;
    };
    opened_by = steady_clock::now() + request.connect_timeout;
    if (const CURLcode code = connection.open(request.url, request.connect_timeout, patience);
        code != CURLE_OK) {
      return unmade(code);
    }
    opened_by = steady_clock::now() + request.upgrade_timeout;
    return upgrade(request, patience);
  }

  WebSocketAnswer unmade(CURLcode code) const {
    WebSocketAnswer answer;
    answer.response.transfer = is_untrusted(code)                  ? Transfer::kUntrusted
                               : code == CURLE_ABORTED_BY_CALLBACK ? Transfer::kNotSent
                                                                   : Transfer::kUnreachable;
    answer.response.error = connection.error();
    if (const int status = connection.proxy_status(); status != 0 && status / 100 != 2) {
      answer.proxy_status = status;
    }
    return answer;
  }

  WebSocketAnswer upgrade(const WebSocketRequest& request, const Connection::Patience& patience) {
    const UpgradeRequest wanted = make_upgrade_request(request.url, request.subprotocol);
    AnswerReader reader(kMaxErrorBody, {}, AnswerReader::Awaits::kUpgrade);
    if (connection.send(wanted.bytes, patience)) {
      read_answer(reader, request, patience);
    }
    reader.end(false, connection.error());
    WebSocketAnswer answer;
    answer.response = reader.take_response();
    if (answer.response.status == 101 && answer.response.transfer == Transfer::kWhole) {
      answer.response.error = fault_of_switch(wanted, reader);
      answer.open = answer.response.error.empty();
    }
    if (answer.open) {
      glued = reader.rest();
      begin_frames();
    }
    return answer;
  }

  void read_answer(AnswerReader& reader, const WebSocketRequest& request,
                   const Connection::Patience& patience) {
    std::array<char, 4096> piece{};
    while (!reader.done()) {
      std::string_view bytes;
      const Connection::Got got = connection.receive(piece.data(), piece.size(), bytes, patience);
      reader.read(bytes);
      if (got == Connection::Got::kNothing) {
        reader.end(false,
                   until(opened_by).count() == 0
                       ? fmt::format("no response within {} s",
                                     std::chrono::duration<double>(request.upgrade_timeout).count())
                       : "given up");
      } else if (got != Connection::Got::kBytes) {
        reader.end(got == Connection::Got::kEnd, "the connection was closed");
      }
    }
  }

  // --- the frames

  void begin_frames() {
    static constexpr wslay_event_callbacks kCallbacks = {
        .recv_callback = on_receive,
        .send_callback = on_send,
        .genmask_callback = on_mask,
        .on_frame_recv_start_callback = on_frame,
        .on_frame_recv_chunk_callback = on_chunk,
        .on_frame_recv_end_callback = on_frame_end,
        .on_msg_recv_callback = on_message,
    };
    wslay_event_context_ptr context = nullptr;
    if (wslay_event_context_client_init(&context, &kCallbacks, this) != 0) {
      throw std::bad_alloc();
    }
    frames.reset(context);
    // Messages are put together here: wslay would hold a second copy.
    wslay_event_config_set_no_buffering(context, 1);
    wslay_event_config_set_max_recv_msg_length(context, kMaxMessage);
  }

  template <typename Function>
  void guarded(Function function) noexcept {
    try {
      function();
    } catch (...) {
      thrown = std::current_exception();
      wslay_event_shutdown_read(frames.get());
    }
  }

  static ssize_t on_receive(wslay_event_context_ptr context, std::uint8_t* buffer, std::size_t size,
                            int /*flags*/, void* self) noexcept {
    return static_cast<Impl*>(self)->receive(context, buffer, size);
  }

  ssize_t receive(wslay_event_context_ptr context, std::uint8_t* buffer, std::size_t size) {
    size = std::min(size, budget);
    std::size_t got = std::min(size, glued.size());
    CURLcode code = CURLE_OK;
    if (got > 0) {
      std::copy_n(glued.begin(), got, buffer);
      glued.erase(0, got);
    } else if (size > 0) {
      code = curl_easy_recv(connection.easy(), buffer, size, &got);
    }
    budget -= got;
    if (size == 0 || code == CURLE_AGAIN) {
      more = size == 0;
      wslay_event_set_error(context, WSLAY_ERR_WOULDBLOCK);
      return -1;
    }
    if (got == 0) {
      at_end = true;
      wslay_event_set_error(context, WSLAY_ERR_CALLBACK_FAILURE);
      return -1;
    }
    return static_cast<ssize_t>(got);
  }

  static ssize_t on_send(wslay_event_context_ptr context, const std::uint8_t* bytes,
                         std::size_t size, int /*flags*/, void* self) noexcept {
    std::size_t sent = 0;
    const CURLcode code =
        curl_easy_send(static_cast<Impl*>(self)->connection.easy(), bytes, size, &sent);
    if (code == CURLE_OK && sent > 0) {
      return static_cast<ssize_t>(sent);
    }
    wslay_event_set_error(context, code == CURLE_AGAIN || code == CURLE_OK
                                       ? WSLAY_ERR_WOULDBLOCK
                                       : WSLAY_ERR_CALLBACK_FAILURE);
    return -1;
  }

  static int on_mask(wslay_event_context_ptr /*context*/, std::uint8_t* bytes, std::size_t size,
                     void* /*self*/) noexcept {
    return RAND_bytes(bytes, static_cast<int>(size)) == 1 ? 0 : -1;
  }

  static void on_frame(wslay_event_context_ptr /*context*/,
                       const wslay_event_on_frame_recv_start_arg* frame, void* self) noexcept {
    auto* impl = static_cast<Impl*>(self);
    impl->guarded([&] { impl->begin_frame(frame->opcode, frame->payload_length); });
  }

  void begin_frame(std::uint8_t frame_opcode, std::uint64_t size) {
    opcode = frame_opcode;
    if (opcode == WSLAY_CONNECTION_CLOSE) {
      close_payload.clear();
    }
    if (opcode == WSLAY_BINARY_FRAME) {
      return refuse(WSLAY_CODE_UNSUPPORTED_DATA);
    }
    if (wslay_is_ctrl_frame(opcode) != 0) {
      return;
    }
    if (size > kMaxMessage - message.size()) {
      return refuse(WSLAY_CODE_MESSAGE_TOO_BIG);
    }
    if (message.empty()) {
      message.reserve(size);
    }
  }

  void refuse(std::uint16_t code) {
    refused = true;
    wslay_event_shutdown_read(frames.get());
    wslay_event_queue_close(frames.get(), code, nullptr, 0);
  }

  static void on_chunk(wslay_event_context_ptr /*context*/,
                       const wslay_event_on_frame_recv_chunk_arg* chunk, void* self) noexcept {
    auto* impl = static_cast<Impl*>(self);
    impl->guarded([&] {
      // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): wslay's bytes
      impl->take({reinterpret_cast<const char*>(chunk->data), chunk->data_length});
    });
  }

  void take(std::string_view bytes) {
    if (refused) {
      return;
    }
    if (opcode == WSLAY_CONNECTION_CLOSE) {
      close_payload += bytes;
    } else if (wslay_is_ctrl_frame(opcode) == 0) {
      message += bytes;
    }
    progress += bytes.size();
    if (progress >= kSignOfLife) {
      progress = 0;
      result.heard = true;
    }
  }

  static void on_frame_end(wslay_event_context_ptr /*context*/, void* self) noexcept {
    static_cast<Impl*>(self)->result.heard = true;
  }

  static void on_message(wslay_event_context_ptr /*context*/,
                         const wslay_event_on_msg_recv_arg* arrived, void* self) noexcept {
    auto* impl = static_cast<Impl*>(self);
    if (arrived->opcode == WSLAY_TEXT_FRAME && !impl->refused) {
      impl->guarded([&] { impl->result.messages.push_back(std::exchange(impl->message, {})); });
    }
  }

  // --- the turns

  void turn(Milliseconds wait, bool reading) {
    const bool may_read = reading && wslay_event_get_queued_msg_count(frames.get()) <= kMaxQueued;
    send_queued();
    if (!(may_read && (more || !glued.empty()))) {
      pause(wait, may_read);
    }
    if (may_read) {
      read_some();
    }
    send_queued();
    if (thrown) {
      std::rethrow_exception(std::exchange(thrown, nullptr));
    }
    result.end = judge(may_read);
  }

  void pause(Milliseconds wait, bool may_read) {
    if (closing) {
      wait = std::min(wait, until(*closing));
    }
    const bool sending = broken.empty() && wslay_event_want_write(frames.get()) != 0;
    const auto events = static_cast<short>((may_read ? POLLIN : 0) | (sending ? POLLOUT : 0));
    std::array<pollfd, 2> entries = {
        pollfd{.fd = wakeup.fd(), .events = POLLIN, .revents = 0},
        // Without anything to do there, a connection that is gone would end each wait at once.
        pollfd{.fd = events != 0 || !hung_up ? connection.socket() : -1,
               .events = events,
               .revents = 0}};
    if (::poll(entries.data(), entries.size(), static_cast<int>(wait.count())) <= 0) {
      return;
    }
    if (entries[0].revents != 0) {
      wakeup.clear();
    }
    hung_up = hung_up || (entries[1].revents & (POLLHUP | POLLERR)) != 0;
  }

  void read_some() {
    budget = kReadPerTurn;
    more = false;
    if (wslay_event_get_read_enabled(frames.get()) == 0) {
      return;
    }
    const int result_code = wslay_event_recv(frames.get());
    if (result_code == WSLAY_ERR_NOMEM) {
      throw std::bad_alloc();
    }
    no_frame = result_code != 0 && !at_end;  // wslay has closed, without a code
  }

  // What cannot be sent does not end the connection at once: the peer's reason may wait to be read.
  void send_queued() {
    if (broken.empty() && wslay_event_want_write(frames.get()) != 0 &&
        wslay_event_send(frames.get()) != 0) {
      broken = "the connection was broken";
    }
  }

  std::optional<WebSocketEnd> judge(bool have_read) {
    wslay_event_context_ptr context = frames.get();
    const bool sent = wslay_event_get_close_sent(context) != 0;
    const bool stuck = closing && until(*closing).count() == 0;
    if (wslay_event_get_close_received(context) != 0 || closed_unheard()) {
      set_close_timer();
      return sent || stuck || !broken.empty() ? std::optional(peers_end()) : std::nullopt;
    }
    if (wslay_event_get_read_enabled(context) == 0 && !at_end) {  // because of what came
      set_close_timer();
      return sent || stuck || !broken.empty() ? std::optional(our_end()) : std::nullopt;
    }
    if (at_end || stuck || (!broken.empty() && have_read && !more)) {
      return closing_by_us ? our_end() : WebSocketEnd{.reason = "the connection was closed"};
    }
    return std::nullopt;
  }

  // A close frame that wslay takes for an error: codes that it does not know (1012 … 1014), or
  // words torn within a character.
  bool closed_unheard() const {
    return opcode == WSLAY_CONNECTION_CLOSE && close_payload.size() >= 2 &&
           wslay_event_get_read_enabled(frames.get()) == 0 && !at_end;
  }

  WebSocketEnd peers_end() const {
    WebSocketEnd end{.code = kNoCloseCode, .reason = {}, .by_us = closing_by_us};
    if (close_payload.size() >= 2) {
      end.code = static_cast<unsigned char>(close_payload[0]) << 8 |
                 static_cast<unsigned char>(close_payload[1]);
      end.reason = close_payload.substr(2);
    }
    return end;
  }

  WebSocketEnd our_end() const {
    const int code = no_frame ? WSLAY_CODE_PROTOCOL_ERROR
                     : wslay_event_get_close_sent(frames.get()) != 0
                         ? wslay_event_get_status_code_sent(frames.get())
                         : kBrokenConnection;
    return {.code = code, .reason = {}, .by_us = true};
  }

  void set_close_timer() {
    if (!closing) {
      closing = steady_clock::now() + kCloseTimeout;
    }
  }

  void close(int code, std::string_view reason) {
    reason = reason.substr(0, kMaxCloseReason);
    closing_by_us = wslay_event_queue_close(frames.get(), static_cast<std::uint16_t>(code),
                                            // NOLINTNEXTLINE(*-reinterpret-cast): wslay's bytes
                                            reinterpret_cast<const std::uint8_t*>(reason.data()),
                                            reason.size()) == 0;
    set_close_timer();
  }

  Route route;
  Connection connection{route};
  const Wakeup& wakeup;
  steady_clock::time_point opened_by;  // the latest
  std::string glued;                   // came with the answer to the upgrade; not yet read
  Frames frames;

  WebSocketTurn result;                             // of the turn under way
  std::size_t budget = 0;                           // what may still be read in it
  bool more = false;                                // it was used up
  std::string message;                              // so far
  std::string close_payload;                        // code and words
  std::uint8_t opcode = 0;                          // of the frame that comes
  std::size_t progress = 0;                         // bytes since the last sign of life
  bool refused = false;                             // what came is not taken any more
  bool at_end = false;                              // nothing more can be read
  bool no_frame = false;                            // what came is none
  bool hung_up = false;                             // so poll(2) says
  std::string broken;                               // why nothing more can be sent
  std::optional<steady_clock::time_point> closing;  // when closing must be over
  bool closing_by_us = false;
  std::exception_ptr thrown;
};

WebSocket::WebSocket(Route route, const Wakeup& wakeup)
    : impl_(std::make_unique<Impl>(std::move(route), wakeup)) {}

WebSocket::~WebSocket() = default;

WebSocketAnswer WebSocket::open(const WebSocketRequest& request) {
  return impl_->open(request);
}

WebSocketTurn WebSocket::turn(Milliseconds wait, bool reading) {
  impl_->result = {};
  impl_->turn(wait, reading);
  return std::move(impl_->result);
}

void WebSocket::send(std::string_view text) {
  const wslay_event_msg message = {
      .opcode = WSLAY_TEXT_FRAME,
      // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): wslay's bytes
      .msg = reinterpret_cast<const std::uint8_t*>(text.data()),
      .msg_length = text.size(),
  };
  if (wslay_event_queue_msg(impl_->frames.get(), &message) == WSLAY_ERR_NOMEM) {
    throw std::bad_alloc();
  }
}

void WebSocket::close(int code, std::string_view reason) {
  impl_->close(code, reason);
}

}  // namespace ohip
