#include "simulator/server.h"

#include <httplib.h>
#include <sys/socket.h>

#include <algorithm>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "simulator/socket.h"

namespace ohip::sim {
namespace {

// Each takes a thread of httplib's for as long as it is open.
constexpr int kMaxConnections = 64;
constexpr std::size_t kRequestsPerConnection = 1'000'000'000;
constexpr time_t kIdleSeconds = 24L * 3600;

using NameCall = int (*)(int, sockaddr*, socklen_t*);

// The port at one end of a socket; -1 when fd is no IPv4 socket, or not connected.
int port_of(NameCall call, int fd) {
  sockaddr_in address{};
  socklen_t size = sizeof(address);
  const bool known = call(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  return known && address.sin_family == AF_INET ? ntohs(address.sin_port) : -1;
}

// httplib keeps its sockets to itself, and offers no way to close one without an answer. So look
// for them among the process's descriptors: accepted on local_port, and, where one is meant, from
// remote_port.
std::vector<int> accepted(int local_port, std::optional<int> remote_port) {
  std::vector<int> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    const int fd = std::stoi(entry.path().filename());
    const int remote = port_of(getpeername, fd);
    if (remote != -1 && remote == remote_port.value_or(remote) &&
        port_of(getsockname, fd) == local_port) {
      found.push_back(fd);
    }
  }
  return found;
}

void hang_up(int local_port, std::optional<int> remote_port) {
  for (const int fd : accepted(local_port, remote_port)) {
    shutdown(fd, SHUT_RDWR);
  }
}

void send_whole(Socket& socket, std::string_view bytes) {
  while (!bytes.empty() && !socket.ended()) {
    bytes.remove_prefix(socket.write(bytes.data(), bytes.size()));
    if (!bytes.empty()) {
      socket.wait(true, -1, std::chrono::seconds(1));
    }
  }
}

std::string switching_protocols(const Reply& reply) {
  std::string head = "HTTP/1.1 101 Switching Protocols\r\n";
  for (const auto& [name, value] : reply.headers) {
    head.append(name).append(": ").append(value).append("\r\n");
  }
  return head + "\r\n";
}

// httplib's default also sets SO_REUSEPORT, with which a second simulator takes a port in use.
void reuse_address(int fd) {
  const int yes = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
}

std::string lower_case(std::string text) {
  for (char& c : text) {
    c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return text;
}

Request to_request(const httplib::Request& raw) {
  Request request;
  request.method = raw.method;
  for (const auto& [name, value] : raw.headers) {
    request.headers.emplace(lower_case(name), value);
  }
  set_target(request, raw.target);
  return request;
}

bool has_body(const httplib::Request& raw) {
  const std::string length = raw.get_header_value("Content-Length");
  return (!length.empty() && length != "0") || raw.has_header("Transfer-Encoding");
}

std::unique_ptr<httplib::Server> make_http_server(const Certificate* certificate) {
  if (certificate == nullptr) {
    return std::make_unique<httplib::Server>();
  }
  return std::make_unique<httplib::SSLServer>(certificate->certificate.get(),
                                              certificate->key.get());
}

}  // namespace

struct Server::Impl {
  Impl(const Certificate* certificate, Handler answer)
      : http(make_http_server(certificate)), handler(std::move(answer)) {
    http->new_task_queue = [] { return new httplib::ThreadPool(kMaxConnections); };
    http->set_socket_options([this](socket_t fd) {
      reuse_address(fd);
      listening = fd;
    });
    http->set_tcp_nodelay(true);
    http->set_keep_alive_max_count(kRequestsPerConnection);
    http->set_keep_alive_timeout(kIdleSeconds);
    install_handlers();
  }

  void install_handlers();
  void handle(const httplib::Request& raw, std::string body, httplib::Response& response);
  void switch_protocols(const httplib::Request& raw, const Reply& reply) const;
  void fill(httplib::Response& response, const Reply& reply, int remote_port);
  bool send_body(httplib::DataSink& sink, const Reply& reply, int remote_port);
  void pause(std::chrono::milliseconds time);

  std::unique_ptr<httplib::Server> http;
  Handler handler;
  int port = -1;
  int listening = -1;
  std::thread listener;
  std::mutex mutex;
  std::condition_variable stop_asked;
  bool stopping = false;
};

// httplib waits in vain for the body of a POST that announces none, which is what curl -X POST
// sends: such requests are answered before httplib looks.
void Server::Impl::install_handlers() {
  http->set_pre_routing_handler([this](const httplib::Request& raw, httplib::Response& response) {
    if (has_body(raw)) {
      return httplib::Server::HandlerResponse::Unhandled;
    }
    handle(raw, {}, response);
    return httplib::Server::HandlerResponse::Handled;
  });
  const auto with_body = [this](const httplib::Request& raw, httplib::Response& response,
                                const httplib::ContentReader& read) {
    std::string body;
    read([&](const char* data, std::size_t size) {
      body.append(data, size);
      return true;
    });
    handle(raw, std::move(body), response);
  };
  http->Post(".*", with_body).Put(".*", with_body).Patch(".*", with_body).Delete(".*", with_body);
}

void Server::Impl::handle(const httplib::Request& raw, std::string body,
                          httplib::Response& response) {
  Request request = to_request(raw);
  request.body = std::move(body);
  const Reply reply = handler(request);
  pause(reply.delivery.delay);
  if (reply.delivery.close) {
    hang_up(port, raw.remote_port);
  }
  if (reply.status == 101 && !reply.delivery.close) {
    switch_protocols(raw, reply);
  }
  fill(response, reply, raw.remote_port);
}

// httplib has read the request's head and nothing behind it, for a client may not send more before
// the answer: so the connection itself, which httplib owns, can be used in its stead. What httplib
// sends when this returns meets a connection that has ended.
void Server::Impl::switch_protocols(const httplib::Request& raw, const Reply& reply) const {
  auto* const tls = const_cast<SSL*>(raw.ssl);  // NOLINT: only we write to it meanwhile
  const std::vector<int> found =
      tls != nullptr ? std::vector<int>{SSL_get_fd(tls)} : accepted(port, raw.remote_port);
  if (found.empty()) {
    return;
  }
  Socket socket(found.front(), tls);
  send_whole(socket, switching_protocols(reply));
  reply.upgrade(socket);
  socket.close();
}

void Server::Impl::fill(httplib::Response& response, const Reply& reply, int remote_port) {
  response.status = reply.status;
  for (const auto& [name, value] : reply.headers) {
    response.set_header(name, value);
  }
  const Delivery& delivery = reply.delivery;
  if (reply.body.empty()) {
    return;
  }
  if (delivery.chunked) {
    response.set_chunked_content_provider(reply.content_type,
                                          [=, this](std::size_t, httplib::DataSink& sink) {
                                            const bool whole = send_body(sink, reply, remote_port);
                                            sink.done();
                                            return whole;
                                          });
  } else if (delivery.cut || delivery.stall.count() > 0) {
    response.set_content_provider(reply.body.size(), reply.content_type,
                                  [=, this](std::size_t, std::size_t, httplib::DataSink& sink) {
                                    return send_body(sink, reply, remote_port);
                                  });
  } else {
    response.set_content(reply.body, reply.content_type);
  }
}

// False when the connection was closed inside the body.
bool Server::Impl::send_body(httplib::DataSink& sink, const Reply& reply, int remote_port) {
  const Delivery& delivery = reply.delivery;
  const std::size_t first = std::min(delivery.bytes, reply.body.size());
  if (first > 0) {  // a chunk of no bytes would end the body
    sink.write(reply.body.data(), first);
  }
  pause(delivery.stall);
  if (delivery.cut) {
    hang_up(port, remote_port);
    return false;
  }
  return first == reply.body.size() ||
         sink.write(reply.body.data() + first, reply.body.size() - first);
}

// Ends early when the server is stopped.
void Server::Impl::pause(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex);
  stop_asked.wait_for(lock, time, [this] { return stopping; });
}

Server::Server(int port, const Certificate* certificate, Handler handler)
    : impl_(std::make_unique<Impl>(certificate, std::move(handler))) {
  httplib::Server& http = *impl_->http;
  const char* const host = "127.0.0.1";
  if (port == 0) {
    impl_->port = http.bind_to_any_port(host);
  } else if (http.bind_to_port(host, port)) {
    impl_->port = port;
  }
  if (impl_->port <= 0) {
    throw std::runtime_error("cannot listen on 127.0.0.1:" + std::to_string(port));
  }
  listen(impl_->listening, kMaxConnections);  // httplib's 5 make a sixth client wait for a second
  impl_->listener = std::thread([&http] { http.listen_after_bind(); });
  while (!http.is_running()) {  // until then stop() would do nothing
    std::this_thread::yield();
  }
}

Server::~Server() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stopping = true;
  }
  impl_->stop_asked.notify_all();
  impl_->http->stop();
  hang_up(impl_->port, std::nullopt);
  impl_->listener.join();
}

int Server::port() const {
  return impl_->port;
}

}  // namespace ohip::sim
