#include "simulator/socket.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>

namespace ohip::sim {
namespace {

int as_int(std::size_t size) {
  return static_cast<int>(std::min<std::size_t>(size, INT_MAX));
}

}  // namespace

Socket::Socket(int fd, SSL* tls) : fd_(fd), tls_(tls) {
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  if (tls != nullptr) {
    SSL_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  }
}

std::size_t Socket::moved(int result) {
  if (result > 0) {
    return static_cast<std::size_t>(result);
  }
  if (tls_ == nullptr) {
    ended_ = ended_ || result == 0 || (errno != EAGAIN && errno != EINTR);
    return 0;
  }
  const int error = SSL_get_error(tls_, result);
  ended_ = ended_ || (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE);
  return 0;
}

std::size_t Socket::read(char* data, std::size_t size) {
  ERR_clear_error();
  return moved(tls_ != nullptr ? SSL_read(tls_, data, as_int(size))
                               : static_cast<int>(recv(fd_, data, size, 0)));
}

std::size_t Socket::write(const char* data, std::size_t size) {
  ERR_clear_error();
  return moved(tls_ != nullptr ? SSL_write(tls_, data, as_int(size))
                               : static_cast<int>(send(fd_, data, size, MSG_NOSIGNAL)));
}

void Socket::cut() {
  shutdown(fd_, SHUT_RDWR);
  ended_ = true;
}

void Socket::close() {
  if (tls_ != nullptr && !ended_) {
    ERR_clear_error();
    SSL_shutdown(tls_);
  }
  cut();
}

void Socket::wait(bool for_writing, int wake_fd, std::chrono::milliseconds time) const {
  const auto events = static_cast<short>(for_writing ? POLLIN | POLLOUT : POLLIN);
  std::array<pollfd, 2> waited = {pollfd{fd_, events, 0}, pollfd{wake_fd, POLLIN, 0}};
  poll(waited.data(), waited.size(), static_cast<int>(time.count()));
}

}  // namespace ohip::sim
