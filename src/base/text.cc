#include "base/text.h"

#include <fmt/format.h>
#include <rapidjson/encodings.h>
#include <rapidjson/memorystream.h>

#include <algorithm>

namespace ohip {
namespace {

char lower_case_letter(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool is_name_character(char c) {
  const char lower = lower_case_letter(c);
  return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
         c == '-';
}

}  // namespace

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kWhiteSpace = " \t";
  const std::size_t first = text.find_first_not_of(kWhiteSpace);
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(kWhiteSpace) - first + 1);
}

std::string lower_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), lower_case_letter);
  return text;
}

std::string unix_line_ends(std::string text) {
  for (std::size_t at = 0; (at = text.find("\r\n", at)) != std::string::npos;) {
    text.erase(at, 1);
  }
  return text;
}

bool is_utf8(std::string_view text) {
  rapidjson::MemoryStream bytes(text.data(), text.size());
  unsigned code = 0;
  while (bytes.Tell() < text.size()) {
    if (!rapidjson::UTF8<>::Decode(bytes, &code)) {
      return false;
    }
  }
  return true;
}

bool is_name(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_name_character);
}

std::string shown(std::string_view text) {
  constexpr std::size_t kReadable = 40;
  if (text.size() <= kReadable) {
    return fmt::format("{:?}", text);
  }
  return fmt::format("{:?}... ({} characters)", text.substr(0, kReadable), text.size());
}

}  // namespace ohip
