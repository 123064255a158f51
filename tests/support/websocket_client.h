#pragma once

#include <curl/curl.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <poll.h>
#include <wslay/wslay.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/handle.h"

namespace ohip::test {

inline std::string hex_sha256(const std::string& text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr);
  std::string hex;
  for (unsigned int i = 0; i < size; ++i) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    hex += kDigits[digest.at(i) >> 4U];
    hex += kDigits[digest.at(i) & 15U];
  }
  return hex;
}

// A plain web socket client of libcurl and wslay, to try servers with: nothing of ohip-stream's is
// in it. It answers the frames' own pings and closes, and nothing else.
class WebSocketClient {
 public:
  std::string ca_file;
  std::vector<std::string> headers = {"Sec-WebSocket-Protocol: graphql-transport-ws"};

  // url: http or https. The status of the answer; 0: none.
  int open(const std::string& url) {
    CURL* const curl = curl_.get();
    curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
    curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    if (!ca_file.empty()) {
      curl_easy_setopt(curl, CURLOPT_CAINFO, ca_file.c_str());
    }
    if (curl_easy_perform(curl) != CURLE_OK) {
      return 0;
    }
    curl_easy_getinfo(curl, CURLINFO_ACTIVESOCKET, &socket_);
    write_whole(request(url));
    head_ = read_head();
    return head_.size() > 12 ? std::stoi(head_.substr(9, 3)) : 0;
  }

  const std::string& head() const { return head_; }  // of the answer

  void send(const std::string& text) {
    const wslay_event_msg message{WSLAY_TEXT_FRAME,
                                  reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
    wslay_event_queue_msg(context_.get(), &message);
    wslay_event_send(context_.get());
  }

  void close(std::uint16_t code = 1000) {
    wslay_event_queue_close(context_.get(), code, nullptr, 0);
    wslay_event_send(context_.get());
  }

  // Without a word, as a process that was killed.
  void hang_up() { curl_.reset(); }

  // The next message; nothing when there is none in that time, or none will come.
  std::optional<std::string> receive(
      std::chrono::milliseconds time = std::chrono::milliseconds(30'000)) {
    const auto end = std::chrono::steady_clock::now() + time;
    while (received_.empty() && !ended() && std::chrono::steady_clock::now() < end) {
      budget_ = 64UL << 10;
      wslay_event_recv(context_.get());
      wslay_event_send(context_.get());
      if (received_.empty() && !ended_ && budget_ > 0) {
        wait_readable();
      }
    }
    if (received_.empty()) {
      return std::nullopt;
    }
    std::string text = std::move(received_.front());
    received_.pop_front();
    return text;
  }

  // Reads that many frames past wslay, whose look at each byte's UTF-8 costs more than the rest,
  // and forgets them; false: it ended before. Only when all messages so far have been received.
  bool skip_frames(std::size_t count) {
    std::string unread;
    std::size_t missing = 0;  // of the frame's payload
    while (count > 0 && !ended_) {
      std::array<char, 64UL << 10> buffer;  // NOLINT: curl fills it
      std::size_t read = 0;
      const CURLcode result = curl_easy_recv(curl_.get(), buffer.data(), buffer.size(), &read);
      if (result == CURLE_AGAIN) {
        wait_readable();
      } else {
        ended_ = result != CURLE_OK || read == 0;
      }
      std::string_view bytes(buffer.data(), read);
      while (!bytes.empty() && count > 0) {
        const std::size_t skipped = std::min(missing, bytes.size());
        bytes.remove_prefix(skipped);
        missing -= skipped;
        if (missing == 0 && skipped > 0) {
          --count;
        }
        while (!bytes.empty() && missing == 0 && unread.size() < head_size(unread)) {
          unread += bytes.front();
          bytes.remove_prefix(1);
        }
        if (missing == 0 && unread.size() == head_size(unread)) {
          missing = payload_size(unread);
          unread.clear();
        }
      }
    }
    return count == 0;
  }

  // How it ended, once receive() has returned nothing: 1006 without a close frame, 0 not yet.
  int code() const {
    const int code = wslay_event_get_status_code_received(context_.get());
    return wslay_event_get_close_received(context_.get()) != 0 ? code : ended_ ? 1006 : 0;
  }
  const std::string& reason() const { return reason_; }

  // Everything up to the end is read and forgotten; the code.
  int wait_for_end() {
    while (receive(std::chrono::milliseconds(60'000))) {
    }
    return code();
  }

 private:
  using Context = Handle<wslay_event_context, wslay_event_context_free>;

  bool ended() const {
    return ended_ || wslay_event_get_close_received(context_.get()) != 0 || context_ == nullptr;
  }

  static std::size_t head_size(const std::string& head) {
    const int length = head.size() < 2 ? 0 : head[1] & 0x7f;
    return length == 126 ? 4U : length == 127 ? 10U : 2U;
  }

  static std::size_t payload_size(const std::string& head) {
    std::size_t size = head.size() == 2 ? static_cast<unsigned char>(head[1]) & 0x7fU : 0U;
    for (std::size_t i = 2; i < head.size(); ++i) {
      size = (size << 8U) + static_cast<unsigned char>(head[i]);
    }
    return size;
  }

  static Context make_context(WebSocketClient* self) {
    wslay_event_callbacks callbacks{};
    callbacks.recv_callback = [](wslay_event_context* context, std::uint8_t* data, std::size_t size,
                                 int /*flags*/, void* user) -> ssize_t {
      auto& client = *static_cast<WebSocketClient*>(user);
      std::size_t read = 0;
      const CURLcode result =
          curl_easy_recv(client.curl_.get(), data, std::min(size, client.budget_), &read);
      client.ended_ =
          client.budget_ > 0 && result != CURLE_AGAIN && (result != CURLE_OK || read == 0);
      client.budget_ -= read;
      if (read == 0) {
        wslay_event_set_error(context, WSLAY_ERR_WOULDBLOCK);
        return -1;
      }
      return static_cast<ssize_t>(read);
    };
    callbacks.send_callback = [](wslay_event_context* /*context*/, const std::uint8_t* data,
                                 std::size_t size, int /*flags*/, void* user) -> ssize_t {
      static_cast<WebSocketClient*>(user)->write_whole({reinterpret_cast<const char*>(data), size});
      return static_cast<ssize_t>(size);
    };
    callbacks.genmask_callback = [](wslay_event_context* /*context*/, std::uint8_t* mask,
                                    std::size_t size, void* /*user*/) {
      return RAND_bytes(mask, static_cast<int>(size)) == 1 ? 0 : -1;
    };
    callbacks.on_msg_recv_callback = [](wslay_event_context* /*context*/,
                                        const wslay_event_on_msg_recv_arg* message, void* user) {
      auto& client = *static_cast<WebSocketClient*>(user);
      std::string text(reinterpret_cast<const char*>(message->msg), message->msg_length);
      if (message->opcode == WSLAY_CONNECTION_CLOSE) {
        client.reason_ = text.size() > 2 ? text.substr(2) : "";
      } else if (wslay_is_ctrl_frame(message->opcode) == 0) {
        client.received_.push_back(std::move(text));
      }
    };
    wslay_event_context* context = nullptr;
    wslay_event_context_client_init(&context, &callbacks, self);
    wslay_event_config_set_max_recv_msg_length(context, 64UL << 20);
    return Context(context);
  }

  std::string request(const std::string& url) const {
    const std::size_t host = url.find("//") + 2;
    const std::size_t path = url.find('/', host);
    std::string text = "GET " + url.substr(path) +
                       " HTTP/1.1\r\nHost: " + url.substr(host, path - host) +
                       "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                       "Sec-WebSocket-Version: 13\r\n"
                       "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for (const std::string& header : headers) {
      text.append(header).append("\r\n");
    }
    return text + "\r\n";
  }

  void wait_readable() const {
    pollfd waited{socket_, POLLIN, 0};
    poll(&waited, 1, 100);
  }

  void write_whole(std::string_view bytes) {
    while (!bytes.empty()) {
      std::size_t written = 0;
      const CURLcode result = curl_easy_send(curl_.get(), bytes.data(), bytes.size(), &written);
      if (result != CURLE_OK && result != CURLE_AGAIN) {
        ended_ = true;
        return;
      }
      bytes.remove_prefix(written);
    }
  }

  // Byte by byte, for what follows is frames.
  std::string read_head() {
    std::string head;
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (head.find("\r\n\r\n") == std::string::npos && std::chrono::steady_clock::now() < end) {
      char byte = 0;
      std::size_t read = 0;
      const CURLcode result = curl_easy_recv(curl_.get(), &byte, 1, &read);
      if (result == CURLE_AGAIN) {
        wait_readable();
      } else if (result != CURLE_OK || read == 0) {
        break;
      }
      head.append(&byte, read);
    }
    return head;
  }

  Handle<CURL, curl_easy_cleanup> curl_{curl_easy_init()};
  curl_socket_t socket_ = CURL_SOCKET_BAD;
  Context context_ = make_context(this);
  std::deque<std::string> received_;
  std::string head_;
  std::string reason_;
  std::size_t budget_ = 0;
  bool ended_ = false;
};

}  // namespace ohip::test
