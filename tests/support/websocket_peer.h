#pragma once

#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <wslay/wslay.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/handle.h"
#include "http/upgrade.h"
#include "support/listener.h"

namespace ohip::test {

// The server's end of a connection: says what the test likes, byte by byte.
class Peer {
 public:
  explicit Peer(int socket, SSL_CTX* tls)
      : socket_(socket), ssl_(tls != nullptr ? SSL_new(tls) : nullptr) {
    if (ssl_) {
      SSL_set_fd(ssl_.get(), socket);
      alive_ = SSL_accept(ssl_.get()) == 1;
    }
  }

  // Empty at the end.
  std::string read() {
    std::string piece(65'536, '\0');
    const auto size = !alive_ ? 0
                      : ssl_  ? SSL_read(ssl_.get(), piece.data(), static_cast<int>(piece.size()))
                              : recv(socket_, piece.data(), piece.size(), 0);
    piece.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    return piece;
  }
  void write(std::string_view bytes) {
    while (alive_ && !bytes.empty()) {
      const auto size = ssl_ ? SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()))
                             : send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      alive_ = size > 0;
      bytes.remove_prefix(alive_ ? static_cast<std::size_t>(size) : 0);
    }
  }
  void write_slowly(std::string_view bytes, int microseconds = 2'000) {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      write(bytes.substr(i, 1));
      usleep(static_cast<useconds_t>(microseconds));
    }
  }
  bool alive() const { return alive_; }
  void reset() const {
    const linger at_once = {.l_onoff = 1, .l_linger = 0};
    setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  }

  std::string read_request() {
    std::string piece;
    while (request_.find("\r\n\r\n") == std::string::npos && !(piece = read()).empty()) {
      request_ += piece;
    }
    return request_;
  }

  // What a server that knows its trade says.
  std::string switching() {
    read_request();
    constexpr std::string_view kName = "Sec-WebSocket-Key: ";
    const std::size_t at = std::min(request_.find(kName), request_.size()) + kName.size();
    if (at > request_.size()) {
      return {};
    }
    return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nconnection: keep-alive, "
           "Upgrade\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\nSec-WebSocket-Accept: " +
           accept_of(request_.substr(at, request_.find("\r\n", at) - at)) + "\r\n\r\n";
  }

  void upgrade() { write(switching()); }

  // The next whole frame of the client, unmasked: its opcode, and the payload. 0xff at the end.
  std::pair<int, std::string> next_frame() {
    const auto need = [&](std::size_t size) {
      std::string piece;
      while (input_.size() < size && !(piece = read()).empty()) {
        input_ += piece;
      }
      return input_.size() >= size;
    };
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(input_[i]); };
    if (!need(6)) {
      return {0xff, ""};
    }
    std::size_t size = byte(1) & 0x7fU;
    std::size_t head = 2;
    if (size == 126) {
      need(8);
      size = static_cast<std::size_t>(byte(2)) << 8 | byte(3);
      head = 4;
    }
    masked = (byte(1) & 0x80U) != 0;
    if (!need(head + 4 + size)) {
      return {0xff, ""};
    }
    std::string payload = input_.substr(head + 4, size);
    for (std::size_t i = 0; i < size; ++i) {
      payload[i] = static_cast<char>(payload[i] ^ input_[head + i % 4]);
    }
    const int opcode = byte(0) & 0x0fU;
    input_.erase(0, head + 4 + size);
    return {opcode, payload};
  }
  bool masked = false;  // the last frame was

  // Waits until the client hangs up.
  void await_end() {
    while (!read().empty()) {
    }
  }

 private:
  int socket_;
  Handle<SSL, SSL_free> ssl_;
  bool alive_ = true;
  std::string request_;
  std::string input_;
};

// A server's frame.
inline std::string frame(int opcode, std::string_view payload, bool last = true) {
  std::string bytes(1, static_cast<char>(opcode | (last ? 0x80 : 0)));
  if (payload.size() < 126) {
    bytes += static_cast<char>(payload.size());
  } else {
    const int width = payload.size() < 65'536 ? 2 : 8;
    bytes += static_cast<char>(width == 2 ? 126 : 127);
    for (int i = width; i-- > 0;) {
      bytes += static_cast<char>(payload.size() >> (8 * i) & 0xff);
    }
  }
  return bytes.append(payload);
}

inline std::string close_frame(int code, std::string_view reason = {}) {
  return frame(
      8, std::string{static_cast<char>(code >> 8), static_cast<char>(code & 0xff)}.append(reason));
}

// A port whose connections, one after the other, are served by a function.
class WebSocketServer {
 public:
  explicit WebSocketServer(std::function<void(Peer&)> serve, SSL_CTX* tls = nullptr)
      : serve_(std::move(serve)), tls_(tls) {
    static_cast<void>(std::signal(SIGPIPE, SIG_IGN));  // libssl writes without MSG_NOSIGNAL
  }

  std::string url() const {
    return (tls_ != nullptr ? "https://" : "http://") + listener_.address() +
           "/subscriptions?key=0123456789abcdef0123456789abcdef";
  }
  std::string address() const { return listener_.address(); }

 private:
  std::function<void(Peer&)> serve_;
  SSL_CTX* tls_;
  Listener listener_{[this](int socket) {
    Peer peer(socket, tls_);
    serve_(peer);
  }};
};

}  // namespace ohip::test
