#include "http/connection.h"

#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "http/easy.h"

namespace ohip {
namespace {

// 0: it has none.
int local_port(curl_socket_t socket) {
  sockaddr_storage name{};
  socklen_t size = sizeof name;
  // NOLINTBEGIN(cppcoreguidelines-pro-type-reinterpret-cast): the sockets API
  if (getsockname(socket, reinterpret_cast<sockaddr*>(&name), &size) != 0) {
    return 0;
  }
  if (name.ss_family == AF_INET) {
    return ntohs(reinterpret_cast<const sockaddr_in*>(&name)->sin_port);
  }
  return name.ss_family == AF_INET6 ? ntohs(reinterpret_cast<const sockaddr_in6*>(&name)->sin6_port)
                                    : 0;
  // NOLINTEND(cppcoreguidelines-pro-type-reinterpret-cast)
}

}  // namespace

void Connection::watch(CURL* easy) {
  easy_ = easy;
  set(easy, CURLOPT_SOCKOPTFUNCTION, on_open);
  set(easy, CURLOPT_SOCKOPTDATA, this);
  set(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close);
  set(easy, CURLOPT_CLOSESOCKETDATA, this);
}

int Connection::on_open(void* self, curl_socket_t socket, curlsocktype /*purpose*/) noexcept {
  try {
    static_cast<Connection*>(self)->open_.push_back(socket);
    return CURL_SOCKOPT_OK;
  } catch (...) {
    return CURL_SOCKOPT_ERROR;
  }
}

int Connection::on_close(void* self, curl_socket_t socket) noexcept {
  std::erase(static_cast<Connection*>(self)->open_, socket);
  return close(socket);
}

void Connection::choose(int port) {
  const auto found = std::find_if(open_.begin(), open_.end(),
                                  [&](curl_socket_t each) { return local_port(each) == port; });
  socket_ = found == open_.end() ? CURL_SOCKET_BAD : *found;
}

bool Connection::is_kept() const {
  return get<long>(easy_, CURLINFO_NUM_CONNECTS) == 0;
}

bool Connection::has_input() const {
  return events(POLLIN | POLLRDHUP) != 0 || tls_has_input();
}

bool Connection::has_ended() const {
  return (events(POLLRDHUP) & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

// What poll(2) says without waiting; of no socket that it is broken.
short Connection::events(short wanted) const {
  pollfd entry = {.fd = socket_, .events = wanted, .revents = 0};
  const bool known = socket_ != CURL_SOCKET_BAD && poll(&entry, 1, 0) >= 0;
  return known ? entry.revents : short{POLLERR};
}

// OpenSSL has read more than libcurl has asked for so far.
bool Connection::tls_has_input() const {
  const auto* session = get<curl_tlssessioninfo*>(easy_, CURLINFO_TLS_SSL_PTR);
  return session != nullptr && session->backend == CURLSSLBACKEND_OPENSSL &&
         session->internals != nullptr &&
         SSL_has_pending(static_cast<const SSL*>(session->internals)) == 1;
}

}  // namespace ohip
