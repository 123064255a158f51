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

// place: path:line.
void read_line(std::string_view line, const std::string& place, Values& values) {
  if (line.find('\0') != std::string_view::npos) {
    fail(ExitStatus::kConfig, "{}: holds a NUL byte: is this a text file?", place);
  }
  const std::size_t equals = line.find('=');
  const std::string name(trimmed(line.substr(0, equals)));
  if (equals == std::string_view::npos || !is_name(name)) {
    fail(ExitStatus::kConfig, "{}: not understood: expected NAME=value", place);
  }
  const Value value{std::string(trimmed(line.substr(equals + 1))), place + ": " + name};
  const auto [earlier, is_new] = values.emplace(name, value);
  if (!is_new) {
    reject(value, "set twice, first at " + earlier->second.origin);
  }
}

}  // namespace

Values read_config_file(const std::filesystem::path& path) {
  std::string content = unix_line_ends(read_file(path, ExitStatus::kConfig));
  if (content.starts_with(kByteOrderMark)) {
    content.erase(0, kByteOrderMark.size());
  }
  Values values;
  std::istringstream lines(content);
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    const std::string_view text = trimmed(line);
    if (!is_comment(text)) {
      read_line(text, fmt::format("{}:{}", path.string(), number), values);
    }
  }
  return values;
}

std::string unquoted(const std::string& text) {
  const bool quoted = text.size() >= 2 && text.front() == text.back() &&
                      (text.front() == '"' || text.front() == '\'');
  return quoted ? text.substr(1, text.size() - 2) : text;
}

}  // namespace ohip
