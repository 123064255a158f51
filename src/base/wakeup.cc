#include "base/wakeup.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>

#include "base/error.h"

namespace ohip {

Wakeup::Wakeup() : event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!event_) {
    fail(ExitStatus::kSoftware, "eventfd failed");
  }
}

void Wakeup::raise() const {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t ignored = write(event_.get(), &one, sizeof one);
}

void Wakeup::clear() const {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t ignored = read(event_.get(), &count, sizeof count);
}

}  // namespace ohip
