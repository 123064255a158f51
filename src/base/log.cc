#include "base/log.h"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "base/clock.h"
#include "base/print.h"
#include "base/program.h"
#include "base/secrets.h"

namespace ohip {
namespace {

using namespace std::chrono_literals;
using Json = rapidjson::Writer<rapidjson::StringBuffer>;

constexpr std::string_view kEraseLine = "\r\x1b[K";

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

// As syslog(3) counts.
std::string_view journal_prefix(LogLevel level) {
  switch (level) {
    case LogLevel::kError:
      return "<3>";
    case LogLevel::kWarning:
      return "<4>";
    case LogLevel::kInfo:
      return "<6>";
    case LogLevel::kDebug:
      return "<7>";
  }
  return {};
}

// systemd names the stream that it connected stderr to (systemd.exec(5), $JOURNAL_STREAM).
bool stderr_is_journal() {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat file = {};
  return stream != nullptr && fstat(STDERR_FILENO, &file) == 0 &&
         fmt::format("{}:{}", file.st_dev, file.st_ino) == stream;
}

bool can_overwrite() {
  const char* terminal = std::getenv("TERM");
  return terminal != nullptr && *terminal != '\0' && terminal != std::string_view("dumb");
}

// Of the terminal; it may be made wider or narrower meanwhile.
std::size_t columns() {
  constexpr std::size_t kUsual = 80;
  winsize size = {};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : kUsual;
}

// What a person can read, and the journal takes as one line.
std::string readable(std::string_view text) {
  constexpr std::size_t kMost = 2'000;
  return masked(text, kMost);
}

void add(Json& json, const char* name, std::string_view text) {
  if (!text.empty()) {
    const std::string line = readable(text);
    json.Key(name);
    json.String(line.data(), static_cast<rapidjson::SizeType>(line.size()));
  }
}

}  // namespace

Log::Log(LogLevel level, LogFormat format, std::string run_id)
    : level_(level),
      format_(format),
      run_id_(std::move(run_id)),
      in_journal_(stderr_is_journal()),
      is_watched_(level >= LogLevel::kWarning && isatty(STDERR_FILENO) != 0) {}

void Log::error(const Error& error, std::string_view subject) const noexcept {
  try {
    write_error(error, subject);
  } catch (...) {
    // No memory to say it with: the exit status does.
  }
}

void Log::write_error(const Error& error, std::string_view subject) const {
  if (format_ == LogFormat::kJson) {
    write_line(LogLevel::kError, json(LogLevel::kError, error.what(), subject, &error));
    return;
  }
  std::string detail = error.detail();
  if (!run_id_.empty()) {
    detail += fmt::format("{}run {}", detail.empty() ? "" : "; ", run_id_);
  }
  write_line(LogLevel::kError,
             fmt::format("{}: error: {}{}{}{}", program_name(), readable(subject),
                         subject.empty() ? "" : ": ", readable(error.what()),
                         detail.empty() ? "" : fmt::format(" ({})", readable(detail))));
  if (!error.hint().empty()) {
    write_line(LogLevel::kError,
               fmt::format("{}: hint: {}", program_name(), readable(error.hint())));
  }
}

void Log::write(LogLevel level, fmt::string_view format, fmt::format_args args) const noexcept {
  if (level <= level_) {
    say(level, format, args);
  }
}

void Log::say(LogLevel level, fmt::string_view format, fmt::format_args args) const noexcept {
  try {
    const std::string message = fmt::vformat(format, args);
    write_line(level, format_ == LogFormat::kJson ? json(level, message, {}, nullptr)
                                                  : fmt::format("{}: {}: {}", program_name(),
                                                                name(level), readable(message)));
  } catch (...) {
    // As in error().
  }
}

void Log::write_line(LogLevel level, std::string line) const {
  if (in_journal_) {
    line.insert(0, journal_prefix(level));
  }
  if (has_status_line_.exchange(false)) {
    line.insert(0, kEraseLine);
  }
  line += '\n';
  put(line);
}

void Log::put(const std::string& text) const noexcept {
  constexpr Milliseconds kPatience = 5s;
  if (!print(STDERR_FILENO, text, unread_ ? 0ms : kPatience)) {
    unread_ = true;
  }
}

std::string Log::json(LogLevel level, std::string_view message, std::string_view subject,
                      const Error* error) const {
  rapidjson::StringBuffer buffer;
  Json json(buffer);
  json.StartObject();
  add(json, "time",
      rfc3339_utc(std::chrono::time_point_cast<std::chrono::microseconds>(
          std::chrono::system_clock::now())));
  add(json, "level", name(level));
  add(json, "run", run_id_);
  add(json, "queue", subject);
  if (error != nullptr) {
    json.Key("status");
    json.Int(static_cast<int>(error->status()));
  }
  add(json, "message", message);
  if (error != nullptr) {
    add(json, "detail", error->detail());
    add(json, "hint", error->hint());
  }
  json.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

bool Log::on_terminal() const {
  return is_watched_ && format_ == LogFormat::kText && can_overwrite();
}

void Log::status_line(std::string_view text) const noexcept {
  if (text.empty() && !has_status_line_) {
    return;
  }
  has_status_line_ = !text.empty();
  try {
    put(fmt::format("{}{}", kEraseLine, text.substr(0, columns() - 1)));
  } catch (...) {
    // As in error().
  }
}

}  // namespace ohip
