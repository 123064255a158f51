#include "config/config_file.h"

#include <sstream>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/text.h"

namespace ohip {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

bool is_comment(std::string_view line) {
  return line.empty() || line.front() == '#' || line.front() == ';';
}

enum class Dialect { kOurs, kCommon };

// What is written before a name or a value, so that it is not read alike; nothing: it is.
// Sources: systemd 252 src/basic/env-file.c; docker's pkg/kvfile, 28.0.
std::string_view why_not_common(std::string_view name, std::string_view value) {
  if (name != trimmed(name)) {
    return "has a blank before =, which docker does not take";
  }
  if (value != trimmed(value)) {
    return "has a blank before or behind its value, which docker keeps and systemd drops";
  }
  if (value.starts_with('"') || value.starts_with('\'')) {
    return "begins with a quote, which systemd takes away and docker keeps";
  }
  if (value.find('\\') != std::string_view::npos) {
    return "holds a backslash, which systemd takes away and docker keeps";
  }
  if (value.find('\r') != std::string_view::npos) {
    return "holds a carriage return, with which the line ends for systemd";
  }
  if (!is_utf8(value)) {
    return "is not UTF-8: systemd ignores the line";
  }
  return {};
}

class Reader {
 public:
  Reader(const std::filesystem::path& path, Dialect dialect) : path_(path), dialect_(dialect) {}

  Values read() {
    constexpr std::size_t kMost = std::size_t{1} << 20;
    std::string content = unix_line_ends(read_file(path_, ExitStatus::kConfig, kMost));
    const bool marked = content.starts_with(kByteOrderMark);
    content.erase(0, marked ? kByteOrderMark.size() : 0);
    std::istringstream lines(content);
    for (std::string line; std::getline(lines, line);) {
      ++number_;
      read_line(line);
      if (marked && dialect_ == Dialect::kCommon && number_ == 1 && !values_.empty()) {
        refuse_difference(values_.begin()->first,
                          "stands behind a byte order mark, with which systemd ignores the line");
      }
    }
    return std::move(values_);
  }

 private:
  void read_line(std::string_view line) {
    if (line.find('\0') != std::string_view::npos) {
      fail(ExitStatus::kConfig, "{}: holds a NUL byte: is this a text file?", place());
    }
    if (is_comment(trimmed(line))) {
      read_comment(trimmed(line));
      return;
    }
    const std::size_t equals = line.find('=');
    const std::string name(trimmed(line.substr(0, equals)));
    if (equals == std::string_view::npos || !is_name(name)) {
      fail(ExitStatus::kConfig, "{}: not understood: expected NAME=value", place());
    }
    check_dialect(name, line.substr(0, equals), line.substr(equals + 1));
    const Value value{std::string(trimmed(line.substr(equals + 1))), place() + ": " + name};
    const auto [earlier, is_new] = values_.emplace(name, value);
    if (!is_new) {
      reject(value, "set twice, first at " + earlier->second.origin);
    }
  }

  void read_comment(std::string_view line) const {
    if (dialect_ == Dialect::kOurs || line.empty()) {
      return;
    }
    if (line.front() == ';') {
      fail(ExitStatus::kConfig, "{}: docker knows no comment but one of #", place());
    }
    if (line.ends_with('\\')) {
      fail(ExitStatus::kConfig,
           "{}: a comment ends in a backslash, behind which systemd takes the next line for more "
           "of it",
           place());
    }
  }

  void check_dialect(const std::string& name, std::string_view written_name,
                     std::string_view value) const {
    if (dialect_ == Dialect::kOurs) {
      return;
    }
    written_name.remove_prefix(written_name.find_first_not_of(" \t"));
    if (const std::string_view why = why_not_common(written_name, value); !why.empty()) {
      refuse_difference(name, why);
    }
  }

  [[noreturn]] void refuse_difference(const std::string& name, std::string_view why) const {
    throw Error(ExitStatus::kConfig, fmt::format("{}: {}: {}", place(), name, why),
                fmt::format("this file is read alike by all three or not at all; or write the "
                            "value into a file of its own, and its path to {}{}",
                            name, kFileSuffix));
  }

  std::string place() const { return fmt::format("{}:{}", path_.string(), number_); }

  const std::filesystem::path& path_;
  Dialect dialect_;
  int number_ = 0;
  Values values_;
};

}  // namespace

Values read_config_file(const std::filesystem::path& path) {
  return Reader(path, Dialect::kOurs).read();
}

Values read_environment_file(const std::filesystem::path& path) {
  return Reader(path, Dialect::kCommon).read();
}

}  // namespace ohip
