#include "kafka/password_gate.h"

#include <sys/socket.h>

namespace ohip {
namespace {

// A connection that says nothing for so long does not keep the others waiting.
constexpr Milliseconds kAnswer{10'000};
// librdkafka tells why a connection has ended after it has closed it, from another thread, and not
// at all when the same broker gave the same reason before.
constexpr Milliseconds kReason{500};
// Nothing is offered on a socket that is still connecting: the next broker is tried then.
constexpr Milliseconds kConnecting{1'000};
constexpr Milliseconds kSlice{20};

bool is_connected(int socket) {
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the sockets API
  return ::getpeername(socket, reinterpret_cast<sockaddr*>(&peer), &size) == 0;
}

}  // namespace

bool PasswordGate::enter(int socket) {
  std::unique_lock lock(mutex_);
  const SteadyPoint end = steady_now() + kAnswer;
  while (!open_ && !refused_ && steady_now() < end && is_busy(steady_now())) {
    changed_.wait_for(lock, kSlice);
  }
  holder_ = socket;
  entered_ = steady_now();
  return !refused_;
}

bool PasswordGate::is_busy(SteadyPoint now) const {
  const bool offers = holder_ >= 0 && (is_connected(holder_) || now - entered_ < kConnecting);
  return offers || now < reason_due_;
}

void PasswordGate::leave(int socket) {
  const std::lock_guard lock(mutex_);
  if (socket == holder_) {
    holder_ = -1;
    reason_due_ = is_connected(socket) ? steady_now() + kReason : SteadyPoint();
  }
  changed_.notify_all();
}

void PasswordGate::refused() {
  const std::lock_guard lock(mutex_);
  refused_ = true;
  changed_.notify_all();
}

void PasswordGate::failed() {
  const std::lock_guard lock(mutex_);
  reason_due_ = {};
  changed_.notify_all();
}

void PasswordGate::open() {
  const std::lock_guard lock(mutex_);
  open_ = true;
  changed_.notify_all();
}

}  // namespace ohip
