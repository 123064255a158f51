#include "base/stop.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>

#include "base/error.h"

namespace ohip {
namespace {

constexpr std::array kSignals = {SIGINT, SIGTERM, SIGHUP};

// A counter that a signal handler may write and poll(2) can wait for.
int stop_event = -1;
std::array<struct sigaction, kSignals.size()> earlier_actions;

void raise_stop() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t ignored = write(stop_event, &one, sizeof one);
}

extern "C" void on_signal(int) {
  const int saved_errno = errno;
  raise_stop();
  errno = saved_errno;
}

bool wait_for_stop(int milliseconds) {
  pollfd event = {.fd = stop_event, .events = POLLIN, .revents = 0};
  return poll(&event, 1, milliseconds) > 0;
}

}  // namespace

Stop::Stop() {
  stop_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (stop_event < 0) {
    fail(ExitStatus::kSoftware, "eventfd failed");
  }
  struct sigaction action = {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    sigaction(kSignals[i], nullptr, &earlier_actions[i]);
    if (earlier_actions[i].sa_handler != SIG_IGN) {  // else as nohup or a background shell wants it
      sigaction(kSignals[i], &action, nullptr);
    }
  }
}

Stop::~Stop() {
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    sigaction(kSignals[i], &earlier_actions[i], nullptr);
  }
  close(stop_event);
  stop_event = -1;
}

bool Stop::requested() const {
  return wait_for_stop(0);
}

void Stop::wait(Milliseconds duration) const {
  wait_for_stop(static_cast<int>(duration.count()));
}

void Stop::request() {
  raise_stop();
}

}  // namespace ohip
