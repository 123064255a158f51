#pragma once

#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "error.h"

namespace ohip {

enum class LogLevel { kError, kWarning, kInfo, kDebug };

// Lines on stderr: "ohip-poll: error: what: why". Never a secret, never guest data. Thread-safe:
// a line is one write.
class Log {
 public:
  explicit Log(LogLevel level) : level_(level) {}

  // The message, after a subject such as "hotel ABC: ", and on a line of its own the hint.
  void error(const Error& error, std::string_view subject = {}) const;

  template <typename... Args>
  void warning(fmt::format_string<Args...> format, Args&&... args) const {
    write(LogLevel::kWarning, fmt::format(format, std::forward<Args>(args)...));
  }
  template <typename... Args>
  void info(fmt::format_string<Args...> format, Args&&... args) const {
    write(LogLevel::kInfo, fmt::format(format, std::forward<Args>(args)...));
  }
  template <typename... Args>
  void debug(fmt::format_string<Args...> format, Args&&... args) const {
    write(LogLevel::kDebug, fmt::format(format, std::forward<Args>(args)...));
  }

 private:
  void write(LogLevel level, std::string_view message) const;

  LogLevel level_;
};

}  // namespace ohip
