#include "base/secrets.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <mutex>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "base/digest.h"

namespace ohip {
namespace {

constexpr std::string_view kMask = "***";
constexpr std::size_t kWord = 6;        // shorter ones are hidden as whole words only
constexpr std::size_t kBeginning = 12;  // of a secret, that gives too much away

bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

bool is_base64(char c) {
  return is_alphanumeric(c) || std::string_view("+/-_=").find(c) != std::string_view::npos;
}

// What base64 makes of a text behind this many other bytes (modulo 3), whatever they and those that
// follow are.
std::string base64_core(const std::string& text, std::size_t others) {
  constexpr std::size_t kBits = 6;
  const std::size_t first = (8 * others + kBits - 1) / kBits;
  const std::size_t end = 8 * (others + text.size()) / kBits;
  return base64(std::string(others, '\0') + text).substr(first, end - first);
}

std::string url_alphabet(std::string text) {
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  return text;
}

struct Secret {
  explicit Secret(std::string_view secret) : text(secret) {
    for (std::size_t others = 0; text.size() >= kWord && others < 3; ++others) {
      cores.push_back(base64_core(text, others));
      if (const std::string other = url_alphabet(cores.back()); other != cores.back()) {
        cores.push_back(other);
      }
    }
  }

  std::string text;
  std::vector<std::string> cores;  // in base64
};

class Secrets {
 public:
  void add(std::string_view text) {
    const std::lock_guard lock(mutex_);
    const bool known = std::any_of(secrets_.begin(), secrets_.end(),
                                   [&](const Secret& secret) { return secret.text == text; });
    if (!text.empty() && !known) {
      secrets_.emplace_back(text);
    }
  }
  std::vector<Secret> all() const {
    const std::lock_guard lock(mutex_);
    return secrets_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<Secret> secrets_;
};

Secrets& secrets() {
  static Secrets all;
  return all;
}

std::optional<char> hex_byte(std::string_view digits) {
  constexpr std::string_view kDigits = "0123456789abcdefABCDEF";
  std::size_t value = 0;
  for (const char digit : digits) {
    const std::size_t found = kDigits.find(digit);
    if (found == std::string_view::npos) {
      return std::nullopt;
    }
    value = value * 16 + (found < 16 ? found : found - 6);
  }
  return digits.size() == 2 ? std::optional(static_cast<char>(value)) : std::nullopt;
}

// How many bytes of the text's beginning stand for this one; 0: none.
std::size_t percent_encoded(std::string_view text, char byte) {
  if (text.empty() || text.front() != '%') {
    return byte == ' ' && text.starts_with('+') ? 1 : 0;
  }
  for (std::size_t at = 1;; at += 2) {  // %2F, %252F …
    if (hex_byte(text.substr(at, 2)) == byte) {
      return at + 2;
    }
    if (text.substr(at, 2) != "25") {
      return 0;
    }
  }
}

std::size_t json_escaped(std::string_view text, char byte) {
  if (text.size() < 2 || text.front() != '\\') {
    return 0;
  }
  if (text[1] == 'u' && text.substr(2, 2) == "00" && hex_byte(text.substr(4, 2)) == byte) {
    return 6;
  }
  return text[1] == byte ? 2 : 0;
}

// The length of the secret, or enough of it, at the text's beginning; 0: none. A byte may have been
// read in more than one way so far, as an escaping one or as itself.
std::size_t matching(std::string_view text, std::string_view secret) {
  std::set<std::size_t> lengths = {0};
  std::size_t longest = 0;
  for (std::size_t i = 0; i < secret.size(); ++i) {
    std::set<std::size_t> longer;
    for (const std::size_t length : lengths) {
      const std::string_view rest = text.substr(length);
      const std::size_t as_it_is = !rest.empty() && rest.front() == secret[i] ? 1 : 0;
      for (const std::size_t step :
           {as_it_is, percent_encoded(rest, secret[i]), json_escaped(rest, secret[i])}) {
        if (step > 0) {
          longer.insert(length + step);
        }
      }
    }
    if (longer.empty()) {
      return i >= kBeginning ? longest : 0;
    }
    lengths = std::move(longer);
    longest = *lengths.rbegin();
  }
  return longest;
}

bool is_word(std::string_view text, std::size_t at, std::size_t length) {
  return (at == 0 || !is_alphanumeric(text[at - 1])) &&
         (at + length == text.size() || !is_alphanumeric(text[at + length]));
}

struct Match {
  std::size_t length = 0;
  bool in_base64 = false;
};

// What is to be hidden from there on.
Match match(std::string_view text, std::size_t at, const std::vector<Secret>& all) {
  Match longest;
  const auto consider = [&](std::size_t length, bool in_base64) {
    if (length > longest.length) {
      longest = {length, in_base64};
    }
  };
  for (const Secret& secret : all) {
    const std::size_t length = matching(text.substr(at), secret.text);
    if (secret.text.size() >= kWord || is_word(text, at, length)) {
      consider(length, false);
    }
    for (const std::string& core : secret.cores) {
      consider(matching(text.substr(at), core), true);
    }
  }
  return longest;
}

std::string without_secrets(std::string_view text, const std::vector<Secret>& all) {
  std::string shown;
  for (std::size_t at = 0; at < text.size();) {
    const Match found = match(text, at, all);
    if (found.length == 0) {
      shown += text[at++];
      continue;
    }
    at += found.length;
    if (found.in_base64) {  // the characters on both sides hold bits of it, too
      at += at < text.size() && is_base64(text[at]) ? 1U : 0U;
      shown.resize(shown.size() - (!shown.empty() && is_base64(shown.back()) ? 1U : 0U));
    }
    shown += kMask;
  }
  return shown;
}

// The length of the character at the text's beginning and its code; 0: that is no UTF-8.
std::pair<std::size_t, std::uint32_t> decode_utf8(std::string_view text) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<std::uint32_t>(static_cast<unsigned char>(text[i])) : 0U;
  };
  if (byte(0) < 0x80U) {
    return {1, byte(0)};
  }
  const std::size_t size = byte(0) >= 0xf0U ? 4 : byte(0) >= 0xe0U ? 3 : 2;
  std::uint32_t code = byte(0) & (0xffU >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0U) != 0x80U) {
      return {0, 0};
    }
    code = code << 6U | (byte(i) & 0x3fU);
  }
  constexpr std::array<std::uint32_t, 5> kSmallest = {0, 0, 0x80, 0x800, 0x10000};
  const bool is_character = byte(0) >= 0xc2U && byte(0) <= 0xf4U && code >= kSmallest.at(size) &&
                            code <= 0x10ffffU && (code < 0xd800U || code > 0xdfffU);
  return is_character ? std::pair(size, code) : std::pair(std::size_t{0}, 0U);
}

// Characters that move the cursor, turn the direction of writing, or are not seen (Unicode 15,
// general categories Cc, Cf, Zl and Zp, the common ones).
bool is_invisible(std::uint32_t code) {
  constexpr std::array<std::pair<std::uint32_t, std::uint32_t>, 8> kRanges = {{{0x00, 0x1f},
                                                                               {0x7f, 0x9f},
                                                                               {0xad, 0xad},
                                                                               {0x61c, 0x61c},
                                                                               {0x200b, 0x200f},
                                                                               {0x2028, 0x202e},
                                                                               {0x2060, 0x206f},
                                                                               {0xfeff, 0xfeff}}};
  return code >= 0xe0000U || std::any_of(kRanges.begin(), kRanges.end(), [&](const auto& range) {
           return code >= range.first && code <= range.second;
         });
}

std::string visible(std::string_view text) {
  std::string line;
  while (!text.empty()) {
    const auto [size, code] = decode_utf8(text);
    if (size == 0) {
      line += fmt::format("\\x{:02x}", static_cast<unsigned char>(text.front()));
    } else if (code == ' ' || (code >= '\t' && code <= '\r')) {
      line += line.empty() || line.back() == ' ' ? "" : " ";
    } else if (is_invisible(code)) {
      line += code < 0x80U ? fmt::format("\\x{:02x}", code) : fmt::format("\\u{{{:x}}}", code);
    } else {
      line += text.substr(0, size);
    }
    text.remove_prefix(std::max<std::size_t>(size, 1));
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

std::string cut(std::string line, std::size_t longest) {
  constexpr std::string_view kMore = "...";
  if (line.size() > longest) {
    std::size_t end = longest - std::min(longest, kMore.size());
    while (end > 0 && (static_cast<unsigned char>(line[end]) & 0xc0U) == 0x80U) {
      --end;
    }
    line.resize(end);
    line += kMore;
  }
  return line;
}

}  // namespace

void keep_secret(std::string_view secret) {
  secrets().add(secret);
}

std::string masked(std::string_view text, std::size_t longest) {
  return cut(visible(without_secrets(text, secrets().all())), longest);
}

}  // namespace ohip
