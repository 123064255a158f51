#include "event/naming.h"

#include <fmt/format.h>

namespace ohip {
namespace {

// Unlike std::isalnum: ASCII's alone, whatever the locale, and inline.
bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

// What is neither letter, digit nor one of these others becomes '-'.
std::string dashed(std::string_view text, std::string_view others) {
  std::string result(text.empty() ? "unknown" : text);
  for (char& c : result) {
    if (!is_alphanumeric(c) && others.find(c) == std::string_view::npos) {
      c = '-';
    }
  }
  return result;
}

std::string dashed_lower(std::string_view text) {
  std::string result = dashed(text, {});
  for (char& c : result) {
    c = static_cast<char>(c | 0x20);  // the bit of lower case, which digits and '-' have anyway
  }
  return result;
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

}  // namespace

std::string record_key(std::string_view hotel, std::string_view module,
                       std::string_view primary_key) {
  return fmt::format("{}/{}/{}", hotel, module.empty() ? "" : dashed_lower(module), primary_key);
}

std::string event_type(std::string_view module, std::string_view action) {
  return fmt::format("com.oracle.opera.{}.{}", dashed_lower(module), dashed_lower(action));
}

std::string source_authority(std::string_view gateway) {
  return fmt::format("{}{}", gateway.find("://") == std::string_view::npos ? "//" : "", gateway);
}

std::string topic_name(std::string pattern, std::string_view module, std::string_view hotel) {
  replace_all(pattern, "{module}", dashed_lower(module));
  replace_all(pattern, "{hotel}", dashed(hotel, "._-"));
  return pattern;
}

}  // namespace ohip
