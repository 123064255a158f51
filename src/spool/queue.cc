#include "spool/queue.h"

#include <fmt/format.h>

#include <cctype>
#include <charconv>

namespace ohip {
namespace {

bool is_plain(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.';
}

}  // namespace

std::string QueueName::label() const {
  return hotel == kChainQueue ? "chain queue of " + external_system : "hotel " + hotel;
}

std::filesystem::path QueueName::directory(const std::filesystem::path& root) const {
  const std::string name = hotel == kChainQueue ? std::string(kChainQueue) : escape_name(hotel);
  return std::filesystem::absolute(root) / escape_name(gateway) / escape_name(external_system) /
         name;
}

std::optional<QueueName> QueueName::earlier() const {
  constexpr std::string_view kPlain = "http://";
  const std::string rest = gateway.substr(gateway.starts_with(kPlain) ? kPlain.size() : 0);
  const std::size_t host_end = rest.starts_with('[') ? rest.find(']') : 0;  // an IPv6 address
  const std::string host = rest.substr(0, rest.find_first_of(":/", host_end));
  return host == gateway ? std::nullopt : std::optional(QueueName{host, external_system, hotel});
}

std::string escape_name(std::string_view code) {
  std::string name;
  for (const char c : code) {
    const bool hides = c == '.' && name.empty();
    if (is_plain(c) && !hides) {
      name += c;
    } else {
      name += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return name;
}

std::string unescape_name(std::string_view name) {
  constexpr int kHexadecimal = 16;
  std::string code;
  for (std::size_t i = 0; i < name.size(); ++i) {
    unsigned char byte = 0;
    const char* digits = name.data() + i + 1;
    if (name[i] == '%' && i + 2 < name.size() &&
        std::from_chars(digits, digits + 2, byte, kHexadecimal).ptr == digits + 2) {
      code += static_cast<char>(byte);
      i += 2;
    } else {
      code += name[i];
    }
  }
  return code;
}

}  // namespace ohip
