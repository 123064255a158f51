#pragma once

#include <curl/curl.h>

#include <vector>

namespace ohip {

// The connection that a request of libcurl's is about to leave on, to be looked at in the prereq
// callback: only later does CURLINFO_ACTIVESOCKET know it (libcurl 7.88).
class Connection {
 public:
  Connection() = default;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // To be called once, before the handle's first request. The handle must be gone before this is.
  void watch(CURL* easy);

  // It is the one that has this port on our side, as the prereq callback is told.
  void choose(int local_port);

  // An earlier request has used it.
  bool is_kept() const;

  // There is something to be read from it, or it has ended. That is no answer to what was not yet
  // asked. A TLS server's session tickets count, too: whether they or an answer wait is not to be
  // seen from outside.
  bool has_input() const;

  // The other side sends nothing more on it.
  bool has_ended() const;

 private:
  static int on_open(void* self, curl_socket_t socket, curlsocktype purpose) noexcept;
  static int on_close(void* self, curl_socket_t socket) noexcept;

  short events(short wanted) const;
  bool tls_has_input() const;

  CURL* easy_ = nullptr;
  std::vector<curl_socket_t> open_;
  curl_socket_t socket_ = CURL_SOCKET_BAD;
};

}  // namespace ohip
