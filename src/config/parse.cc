#include "config/parse.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <set>
#include <sstream>

#include "base/error.h"
#include "base/text.h"

namespace ohip {
namespace {

constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr std::string_view kDigits = "0123456789";

template <typename... Args>
[[noreturn]] void refuse(fmt::format_string<Args...> format, Args&&... args) {
  fail(ExitStatus::kConfig, format, std::forward<Args>(args)...);
}

bool consists_of(std::string_view text, std::initializer_list<std::string_view> sets) {
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return std::any_of(sets.begin(), sets.end(),
                       [c](std::string_view set) { return set.find(c) != std::string::npos; });
  });
}

bool only_dots(std::string_view text) {
  return text.find_first_not_of('.') == std::string::npos;
}

bool has_control_characters(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < ' ' || c == 127; });
}

// The number at the beginning, and what follows it.
std::optional<std::pair<long, std::string>> split_number(const std::string& text) {
  long number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc()) {
    return std::nullopt;
  }
  return std::pair(number, std::string(rest, end));
}

std::string without_comment(const std::string& line) {
  for (std::size_t at = line.find('#'); at != std::string::npos; at = line.find('#', at + 1)) {
    if (at == 0 || line[at - 1] == ' ' || line[at - 1] == '\t') {
      return line.substr(0, at);
    }
  }
  return line;
}

}  // namespace

Milliseconds parse_duration(const std::string& text) {
  static const std::map<std::string, Milliseconds, std::less<>> kUnits = {
      {"", std::chrono::seconds(1)},  {"ms", Milliseconds(1)},      {"s", std::chrono::seconds(1)},
      {"m", std::chrono::minutes(1)}, {"h", std::chrono::hours(1)},
  };
  constexpr Milliseconds kDay = std::chrono::hours(24);
  const auto number_and_unit = split_number(text);
  const auto unit = number_and_unit ? kUnits.find(number_and_unit->second) : kUnits.end();
  if (unit == kUnits.end()) {
    refuse("{} is not a duration such as 50s, 2m or 500ms", shown(text));
  }
  const long number = number_and_unit->first;
  if (number < 1 || number > kDay / unit->second) {
    refuse("{} is out of range: more than 0, at most a day", shown(text));
  }
  return number * unit->second;
}

Interval parse_interval(const std::string& text) {
  constexpr std::string_view kTo = "..";
  const std::size_t dots = text.find(kTo);
  if (dots == std::string::npos) {
    const Milliseconds fixed = parse_duration(text);
    return {fixed, fixed};
  }
  const std::string longest = text.substr(dots + kTo.size());
  if (dots == 0 || longest.empty()) {
    refuse("{} lacks one of its two durations: 5s..60s has both", shown(text));
  }
  const Interval interval = {parse_duration(text.substr(0, dots)), parse_duration(longest)};
  if (interval.longest < interval.shortest) {
    refuse("{} has the longer duration first: the shortest interval comes before the longest",
           shown(text));
  }
  return interval;
}

int parse_limit(const std::string& text) {
  constexpr long kMost = 20;
  const auto number = split_number(text);
  if (!number || !number->second.empty() || number->first < 1 || number->first > kMost) {
    refuse("{} is not a number from 1 to {}: OHIP hands out no more in one poll", shown(text),
           kMost);
  }
  return static_cast<int>(number->first);
}

int parse_count(const std::string& text, int least, int most) {
  const auto number = split_number(text);
  if (!number || !number->second.empty() || number->first < least || number->first > most) {
    refuse("{} is not a number from {} to {}", shown(text), least, most);
  }
  return static_cast<int>(number->first);
}

Shard parse_shard(const std::string& text) {
  constexpr int kMost = 10'000;
  const std::size_t slash = text.find('/');
  if (slash == std::string::npos) {
    refuse("{} is not a shard such as 0/3, the first of three", shown(text));
  }
  Shard shard;
  shard.count = parse_count(text.substr(slash + 1), 1, kMost);
  shard.index = slash == 0 ? Shard::kOpen : parse_count(text.substr(0, slash), 0, shard.count - 1);
  return shard;
}

bool parse_bool(const std::string& text) {
  if (text != "true" && text != "false") {
    refuse("{} is neither true nor false", shown(text));
  }
  return text == "true";
}

QueueScope parse_scope(const std::string& text) {
  if (text != "hotel" && text != "chain") {
    refuse("{} is neither hotel nor chain", shown(text));
  }
  return text == "hotel" ? QueueScope::kHotel : QueueScope::kChain;
}

std::string parse_code(const std::string& text) {
  constexpr std::size_t kLongest = 40;  // x-externalsystem's maxLength
  if (text.empty() || text.size() > kLongest) {
    refuse("the code {} is not 1 to {} characters long", shown(text), kLongest);
  }
  if (!consists_of(text, {kLetters, kDigits, " _.%#$&+-"})) {
    refuse("the code {} holds a character that no code has: use letters, digits, blank _.%#$&+-",
           shown(text));
  }
  if (only_dots(text)) {
    refuse("the code {} is only dots", shown(text));
  }
  return text;
}

std::vector<std::string> parse_hotels(const std::string& text) {
  std::vector<std::string> hotels;
  std::set<std::string> known;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream codes(without_comment(line));
    for (std::string code; std::getline(codes, code, ',');) {
      code = trimmed(code);
      if (!code.empty() && known.insert(code).second) {
        hotels.push_back(parse_code(code));
      }
    }
  }
  if (hotels.empty()) {
    refuse("holds no hotel code");
  }
  return hotels;
}

std::string parse_uuid(const std::string& text) {
  std::string shape = text;
  const auto is_hex = [](char c) { return consists_of({&c, 1}, {kDigits, "abcdefABCDEF"}); };
  std::replace_if(shape.begin(), shape.end(), is_hex, '0');
  if (shape != "00000000-0000-0000-0000-000000000000") {
    refuse("not a UUID such as 1234abcd-12ab-4abc-8abc-123456abcdef");
  }
  return text;
}

std::string parse_topic(const std::string& text) {
  constexpr std::size_t kLongest = 249;
  std::string name = text;
  for (const std::string_view placeholder : {"{module}", "{hotel}"}) {
    for (std::size_t at = 0; (at = name.find(placeholder)) != std::string::npos;) {
      name.replace(at, placeholder.size(), "x");
    }
  }
  if (name.size() > kLongest || only_dots(name) || !consists_of(name, {kLetters, kDigits, "._-"})) {
    refuse("{} is not a topic: use 1 to {} of a-z A-Z 0-9 . _ - and {{module}} or {{hotel}}",
           shown(text), kLongest);
  }
  return text;
}

std::string parse_state_topic(const std::string& text) {
  if (text.find('{') != std::string::npos) {
    refuse("{} must be one topic: nothing is filled in there", shown(text));
  }
  return parse_topic(text);
}

std::string parse_path(const std::string& text) {
  if (text.front() != '/' || !consists_of(text, {kLetters, kDigits, "/._~-"})) {
    refuse("{} is not the path of a URL: it begins with / and has no query", shown(text));
  }
  return text;
}

std::string parse_line(const std::string& text) {
  if (has_control_characters(text)) {
    refuse("holds a control character, perhaps a line end: only one line is expected");
  }
  return text;
}

std::filesystem::path parse_absolute_path(const std::string& text) {
  if (text.starts_with('~')) {
    refuse("{} begins with ~, which only a shell knows: write the path in full", shown(text));
  }
  if (!text.starts_with('/')) {
    refuse("{} does not begin with /: it would be another place in every directory", shown(text));
  }
  return parse_line(text);
}

}  // namespace ohip
