#include "log.h"

#include <unistd.h>

#include <string>

namespace ohip {
namespace {

std::string_view name(LogLevel level) {
  switch (level) {
    case LogLevel::kError:
      return "error";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kDebug:
      return "debug";
  }
  return "?";
}

}  // namespace

void Log::error(const Error& error, std::string_view subject) const {
  const std::string hint =
      error.hint().empty() ? "" : fmt::format("\nohip-poll: hint: {}", error.hint());
  write(LogLevel::kError, fmt::format("{}{}{}", subject, error.what(), hint));
}

void Log::write(LogLevel level, std::string_view message) const {
  if (level > level_) {
    return;
  }
  const std::string line = fmt::format("ohip-poll: {}: {}\n", name(level), message);
  [[maybe_unused]] const ssize_t ignored = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace ohip
