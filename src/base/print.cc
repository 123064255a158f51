#include "base/print.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <system_error>

#include "base/error.h"

namespace ohip {
namespace {

using std::chrono::steady_clock;
using namespace std::chrono_literals;

bool is_temporary(int error) {
  return error == EINTR || error == EAGAIN;
}

}  // namespace

bool print(int stream, std::string_view text, Milliseconds patience) noexcept {
  const SteadyPoint end = steady_clock::now() + patience;
  while (!text.empty()) {
    const auto left = std::chrono::ceil<Milliseconds>(end - steady_clock::now());
    pollfd ready = {.fd = stream, .events = POLLOUT, .revents = 0};
    const int found = poll(&ready, 1, static_cast<int>(std::max(left, 0ms).count()));
    // A pipe that is ready takes that much without waiting.
    const ssize_t n =
        found > 0 ? write(stream, text.data(), std::min<std::size_t>(text.size(), PIPE_BUF)) : -1;
    if (n >= 0) {
      text.remove_prefix(static_cast<std::size_t>(n));
    } else if (found == 0 || (is_temporary(errno) && left <= 0ms)) {
      errno = ETIMEDOUT;
      return false;
    } else if (!is_temporary(errno)) {
      return false;
    }
  }
  return true;
}

void print(std::string_view text) {
  constexpr Milliseconds kPatience = 10s;
  if (!print(STDOUT_FILENO, text, kPatience)) {
    fail(ExitStatus::kSoftware, "write to stdout: {}", std::generic_category().message(errno));
  }
}

}  // namespace ohip
