#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/handle.h"

namespace ohip::test {

// What the server does with one request.
struct Step {
  // kFarewell: the server sends nothing more (TLS's close_notify, TCP's FIN), but goes on reading.
  // kTickets: a TLS server sends session tickets. kFlood: the later bytes again and again.
  enum class Then { kKeep, kClose, kReset, kHang, kFarewell, kTickets, kFlood };
  std::string bytes;
  Then then = Then::kClose;
  std::function<void()> first = {};  // called before any byte of the answer
  std::string later = {};            // sent right behind it, on its own
};

inline std::string head(const std::string& status_line, const std::string& headers = {}) {
  return "HTTP/1.1 " + status_line + "\r\n" + headers + "\r\n";
}

// A whole answer; the connection stays for the next request.
inline Step answer(const std::string& status_line, const std::string& body = {},
                   const std::string& headers = {}) {
  return {.bytes = head(status_line,
                        headers + "Content-Length: " + std::to_string(body.size()) + "\r\n") +
                   body,
          .then = Step::Then::kKeep};
}

// Anything, and then the connection ends.
inline Step raw(std::string bytes, Step::Then then = Step::Then::kClose) {
  return {.bytes = std::move(bytes), .then = then};
}

// A server on loopback that does with each request, on whatever connection it comes, the script's
// next step; after the last one with 599. With a context it speaks TLS.
class ScriptedServer {
 public:
  explicit ScriptedServer(std::vector<Step> script, SSL_CTX* tls = nullptr,
                          const char* address = "127.0.0.1")
      : script_(script.begin(), script.end()), tls_(tls), address_(address) {
    static_cast<void>(std::signal(SIGPIPE, SIG_IGN));  // libssl writes without MSG_NOSIGNAL
    sockaddr_in name{};
    name.sin_family = AF_INET;
    inet_pton(AF_INET, address, &name.sin_addr);
    socklen_t size = sizeof name;
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the sockets API
    auto* const generic = reinterpret_cast<sockaddr*>(&name);
    if (bind(listener_, generic, size) != 0 || listen(listener_, SOMAXCONN) != 0 ||
        getsockname(listener_, generic, &size) != 0) {
      throw std::runtime_error("no port");
    }
    port_ = ntohs(name.sin_port);
    acceptor_ = std::thread([this] { accept_all(); });
  }

  ~ScriptedServer() {
    shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    {
      const std::lock_guard lock(mutex_);
      for (const int connection : open_) {
        shutdown(connection, SHUT_RDWR);
      }
    }
    for (std::thread& thread : threads_) {
      thread.join();
    }
    close(listener_);
  }
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  std::string url() const {
    return (tls_ != nullptr ? "https://" : "http://") + address_ + ":" + std::to_string(port_);
  }

  // Sent on each new connection, before anything is asked.
  void greet(const std::string& bytes) {
    const std::lock_guard lock(mutex_);
    greeting_ = bytes;
  }

  // Head and body of each, in the order of their arrival.
  std::vector<std::string> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

  int connections() const {
    const std::lock_guard lock(mutex_);
    return connections_;
  }

 private:
  // One connection, with or without TLS.
  class Stream {
   public:
    Stream(int socket, SSL_CTX* tls)
        : socket_(socket), ssl_(tls != nullptr ? SSL_new(tls) : nullptr) {
      if (ssl_) {
        SSL_set_fd(ssl_.get(), socket);
      }
    }
    bool accept() { return !ssl_ || SSL_accept(ssl_.get()) == 1; }
    // Empty at the end.
    std::string read() {
      std::string piece(4096, '\0');
      const auto size = ssl_ ? SSL_read(ssl_.get(), piece.data(), static_cast<int>(piece.size()))
                             : recv(socket_, piece.data(), piece.size(), 0);
      piece.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
      return piece;
    }
    void write(std::string_view bytes) {
      while (!bytes.empty()) {
        const auto size = ssl_ ? SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()))
                               : send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (size <= 0) {
          socket_is_open_ = false;
          return;
        }
        bytes.remove_prefix(static_cast<std::size_t>(size));
      }
    }

    void say_farewell() {
      if (ssl_) {
        SSL_shutdown(ssl_.get());
      } else {
        shutdown(socket_, SHUT_WR);
      }
    }
    void send_tickets() {
      SSL_new_session_ticket(ssl_.get());
      SSL_do_handshake(ssl_.get());
    }
    bool is_open() const { return socket_is_open_; }

   private:
    bool socket_is_open_ = true;
    int socket_;
    Handle<SSL, SSL_free> ssl_;
  };

  void accept_all() {
    for (int socket = 0; (socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0;) {
      const std::lock_guard lock(mutex_);
      ++connections_;
      open_.push_back(socket);
      threads_.emplace_back([this, socket] { serve(socket); });
    }
  }

  void serve(int socket) {
    const int on = 1;
    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    Stream stream(socket, tls_);
    std::string request;
    bool keep = stream.accept();
    stream.write(greeting());
    while (keep && !(request = read_request(stream)).empty()) {
      const Step step = next(request);
      if (step.first) {
        step.first();
      }
      stream.write(step.bytes);
      if (!step.later.empty()) {
        stream.write(step.later);
      }
      finish(stream, step);
      if (step.then == Step::Then::kReset) {
        const linger at_once = {.l_onoff = 1, .l_linger = 0};
        setsockopt(socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
      }
      keep = step.then == Step::Then::kKeep || step.then == Step::Then::kFarewell ||
             step.then == Step::Then::kTickets;
    }
    const std::lock_guard lock(mutex_);
    std::erase(open_, socket);
    close(socket);
  }

  static void finish(Stream& stream, const Step& step) {
    switch (step.then) {
      case Step::Then::kHang:
        stream.read();
        break;
      case Step::Then::kFarewell:
        stream.say_farewell();
        break;
      case Step::Then::kTickets:
        stream.send_tickets();
        break;
      case Step::Then::kFlood:
        while (stream.is_open()) {
          stream.write(step.later);
        }
        break;
      default:
        break;
    }
  }

  static std::string read_request(Stream& stream) {
    std::string request;
    std::size_t end = std::string::npos;
    while ((end = request.find("\r\n\r\n")) == std::string::npos ||
           request.size() < end + 4 + body_size(request)) {
      const std::string piece = stream.read();
      if (piece.empty()) {
        return {};
      }
      request += piece;
    }
    return request;
  }

  static std::size_t body_size(const std::string& request) {
    constexpr std::string_view kName = "Content-Length: ";
    const std::size_t at = request.find(kName);
    return at == std::string::npos ? 0 : std::stoul(request.substr(at + kName.size()));
  }

  std::string greeting() const {
    const std::lock_guard lock(mutex_);
    return greeting_;
  }

  Step next(const std::string& request) {
    const std::lock_guard lock(mutex_);
    requests_.push_back(request);
    if (script_.empty()) {
      return answer("599 End Of Script");
    }
    Step step = script_.front();
    script_.pop_front();
    return step;
  }

  mutable std::mutex mutex_;
  std::deque<Step> script_;
  std::string greeting_;
  std::vector<std::string> requests_;
  std::vector<int> open_;
  std::vector<std::thread> threads_;
  int connections_ = 0;
  SSL_CTX* tls_;
  std::string address_;
  int listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int port_ = 0;
  std::thread acceptor_;
};

}  // namespace ohip::test
