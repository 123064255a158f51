#include "simulator/websocket.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <limits>
#include <stdexcept>
#include <utility>

namespace ohip::sim {
namespace {

constexpr std::size_t kBytesPerTurn = 64UL << 10;
constexpr std::size_t kMaxMessage = 1UL << 20;
constexpr std::size_t kMaxReason = 123;

const std::uint8_t* as_bytes(std::string_view text) {
  return reinterpret_cast<const std::uint8_t*>(text.data());
}

}  // namespace

std::string websocket_accept(const std::string& key) {
  const std::string text = key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha1(), nullptr);
  std::array<unsigned char, 2 * EVP_MAX_MD_SIZE> base64{};
  EVP_EncodeBlock(base64.data(), digest.data(), static_cast<int>(size));
  return reinterpret_cast<const char*>(base64.data());
}

WebSocket::WebSocket(Socket& socket) : socket_(socket) {
  wslay_event_callbacks callbacks{};
  callbacks.recv_callback = [](wslay_event_context* context, std::uint8_t* data, std::size_t size,
                               int /*flags*/, void* user) -> ssize_t {
    auto& self = *static_cast<WebSocket*>(user);
    const std::size_t read =
        self.socket_.read(reinterpret_cast<char*>(data), std::min(size, self.budget_));
    self.budget_ -= read;
    if (read == 0) {
      wslay_event_set_error(context, WSLAY_ERR_WOULDBLOCK);
      return -1;
    }
    return static_cast<ssize_t>(read);
  };
  callbacks.send_callback = [](wslay_event_context* /*context*/, const std::uint8_t* data,
                               std::size_t size, int /*flags*/, void* user) -> ssize_t {
    static_cast<WebSocket*>(user)->out_.append(reinterpret_cast<const char*>(data), size);
    return static_cast<ssize_t>(size);
  };
  callbacks.on_msg_recv_callback = [](wslay_event_context* /*context*/,
                                      const wslay_event_on_msg_recv_arg* message, void* user) {
    if (wslay_is_ctrl_frame(message->opcode) == 0) {
      static_cast<WebSocket*>(user)->received_.emplace_back(
          reinterpret_cast<const char*>(message->msg), message->msg_length);
    }
  };
  wslay_event_context* context = nullptr;
  if (wslay_event_context_server_init(&context, &callbacks, this) != 0) {
    throw std::runtime_error("libwslay: no context");
  }
  context_.reset(context);
  wslay_event_config_set_max_recv_msg_length(context, kMaxMessage);
}

std::vector<std::string> WebSocket::receive() {
  budget_ = kBytesPerTurn;
  wslay_event_recv(context_.get());
  take_frames();  // pongs, and the answer to a close
  return std::exchange(received_, {});
}

// Moves what wslay has queued to where flush() finds it.
void WebSocket::take_frames() {
  wslay_event_send(context_.get());
  close_sent_ = wslay_event_get_close_sent(context_.get()) != 0;
}

void WebSocket::send(std::string_view text) {
  const wslay_event_msg message{WSLAY_TEXT_FRAME, as_bytes(text), text.size()};
  wslay_event_queue_msg(context_.get(), &message);
  take_frames();
}

void WebSocket::close(std::uint16_t code, std::string_view reason) {
  reason = reason.substr(0, kMaxReason);
  wslay_event_queue_close(context_.get(), code, as_bytes(reason), reason.size());
  take_frames();
}

void WebSocket::tear(std::string_view text, std::size_t bytes) {
  const std::size_t before = out_.size();
  send(text);
  out_.resize(std::min(out_.size(), before + bytes));
  const auto end = Clock::now() + std::chrono::seconds(5);
  while (unsent() > 0 && !socket_.ended() && Clock::now() < end) {
    flush();
    socket_.wait(true, -1, std::chrono::milliseconds(100));
  }
  socket_.cut();
}

void WebSocket::drip(std::size_t bytes, std::chrono::milliseconds every) {
  drip_bytes_ = bytes;
  drip_every_ = every;
}

// How many bytes may leave now.
std::size_t WebSocket::allowance(Clock::time_point now) {
  if (drip_bytes_ == 0) {
    return std::numeric_limits<std::size_t>::max();
  }
  if (now < next_drop_) {
    return 0;
  }
  next_drop_ = now + drip_every_;
  return drip_bytes_;
}

bool WebSocket::flush() {
  const std::size_t before = unsent();
  std::size_t allowed = before == 0 ? 0 : allowance(Clock::now());
  while (unsent() > 0 && allowed > 0) {
    const std::size_t written = socket_.write(out_.data() + sent_, std::min(unsent(), allowed));
    if (written == 0) {
      break;
    }
    sent_ += written;
    allowed -= written;
  }
  const bool moved = unsent() < before;
  if (moved) {
    out_.erase(0, std::exchange(sent_, 0));
  }
  if (out_.empty()) {
    drip_bytes_ = 0;
  }
  return moved;
}

bool WebSocket::over() const {
  return socket_.ended() || (close_sent_ && unsent() == 0 && closed_by_peer());
}

bool WebSocket::closed_by_peer() const {
  return wslay_event_get_close_received(context_.get()) != 0;
}

}  // namespace ohip::sim
