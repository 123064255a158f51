#include "base/log.h"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "base/clock.h"

namespace ohip {
namespace {

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

void add(Json& json, const char* name, std::string_view text) {
  if (!text.empty()) {
    json.Key(name);
    json.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
  }
}

}  // namespace

Log::Log(LogLevel level, LogFormat format, std::string run_id)
    : level_(level),
      format_(format),
      run_id_(std::move(run_id)),
      in_journal_(stderr_is_journal()) {}

void Log::error(const Error& error, std::string_view subject) const {
  if (format_ == LogFormat::kJson) {
    write_line(LogLevel::kError, json(LogLevel::kError, error.what(), subject, &error));
    return;
  }
  std::string detail = error.detail();
  if (!run_id_.empty()) {
    detail += fmt::format("{}run {}", detail.empty() ? "" : "; ", run_id_);
  }
  write(LogLevel::kError,
        fmt::format("{}{}{}{}", subject, subject.empty() ? "" : ": ", error.what(),
                    detail.empty() ? "" : fmt::format(" ({})", detail)));
  if (!error.hint().empty()) {
    write_line(LogLevel::kError, fmt::format("ohip-poll: hint: {}", error.hint()));
  }
}

void Log::write(LogLevel level, std::string_view message) const {
  if (level > level_) {
    return;
  }
  write_line(level, format_ == LogFormat::kJson
                        ? json(level, message, {}, nullptr)
                        : fmt::format("ohip-poll: {}: {}", name(level), message));
}

void Log::write_line(LogLevel level, std::string line) const {
  if (in_journal_) {
    line.insert(0, journal_prefix(level));
  }
  if (has_status_line_.exchange(false)) {
    line.insert(0, kEraseLine);
  }
  line += '\n';
  [[maybe_unused]] const ssize_t ignored = ::write(STDERR_FILENO, line.data(), line.size());
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
  return level_ >= LogLevel::kInfo && format_ == LogFormat::kText && isatty(STDERR_FILENO) != 0;
}

void Log::status_line(std::string_view text) const {
  if (text.empty() && !has_status_line_) {
    return;
  }
  has_status_line_ = !text.empty();
  const std::string line = fmt::format("{}{}", kEraseLine, text);
  [[maybe_unused]] const ssize_t ignored = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace ohip
