#pragma once

#include <fmt/format.h>

#include <atomic>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"

namespace ohip {

enum class LogLevel { kError, kWarning, kInfo, kDebug };
enum class LogFormat { kText, kJson };

// Lines on stderr: "ohip-poll: error: what: why", or JSON objects. Never a secret, never guest
// data; each is masked() and of a readable length, whoever wrote a part of it. Where stderr is
// systemd's journal, each line carries its level (sd-daemon(3)). Thread-safe: a line is one write.
// Never throws, and waits for a reader that does not read once, for some seconds: what cannot be
// told is left untold.
class Log {
 public:
  // run_id: in every line about an error; empty before there is a run.
  explicit Log(LogLevel level, LogFormat format = LogFormat::kText, std::string run_id = {});

  // subject: who has the problem, such as "hotel ABC".
  void error(const Error& error, std::string_view subject = {}) const noexcept;

  template <typename... Args>
  void warning(fmt::format_string<Args...> format, Args&&... args) const noexcept {
    write(LogLevel::kWarning, format, fmt::make_format_args(args...));
  }
  template <typename... Args>
  void info(fmt::format_string<Args...> format, Args&&... args) const noexcept {
    write(LogLevel::kInfo, format, fmt::make_format_args(args...));
  }
  template <typename... Args>
  void debug(fmt::format_string<Args...> format, Args&&... args) const noexcept {
    write(LogLevel::kDebug, format, fmt::make_format_args(args...));
  }

  // As info(), and told without -v to a person who watches: stderr is a terminal, and not -q.
  template <typename... Args>
  void notice(fmt::format_string<Args...> format, Args&&... args) const noexcept {
    if (is_watched_ || level_ >= LogLevel::kInfo) {
      say(LogLevel::kInfo, format, fmt::make_format_args(args...));
    }
  }

  // A person watches, and the terminal can go back to a line's beginning (one that is TERM=dumb
  // cannot).
  bool on_terminal() const;
  // A line that the next one overwrites, cut to the terminal's width; empty: none any more. For
  // on_terminal() only.
  void status_line(std::string_view text) const noexcept;

  const std::string& run_id() const { return run_id_; }

 private:
  void write(LogLevel level, fmt::string_view format, fmt::format_args args) const noexcept;
  void say(LogLevel level, fmt::string_view format, fmt::format_args args) const noexcept;
  void write_error(const Error& error, std::string_view subject) const;
  void write_line(LogLevel level, std::string line) const;
  void put(const std::string& text) const noexcept;
  std::string json(LogLevel level, std::string_view message, std::string_view subject,
                   const Error* error) const;

  LogLevel level_;
  LogFormat format_;
  std::string run_id_;
  bool in_journal_;
  bool is_watched_;
  mutable std::atomic<bool> has_status_line_ = false;
  mutable std::atomic<bool> unread_ = false;
};

}  // namespace ohip
