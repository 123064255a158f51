#include "event/json_cursor.h"

#include <fmt/format.h>
#include <rapidjson/document.h>
#include <rapidjson/memorystream.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace ohip {
namespace {

constexpr std::string_view kSpace = " \t\r\n";

struct NoOutput {
  static void Put(char /*c*/) {}
};

const char* skip_ascii(const char* p, const char* end) {
  constexpr std::uint64_t kHighBits = 0x8080808080808080;
  std::uint64_t eight = 0;
  for (; end - p >= 8; p += 8) {
    std::memcpy(&eight, p, 8);
    if ((eight & kHighBits) != 0) {
      break;
    }
  }
  return std::find_if(p, end, [](char c) { return (c & 0x80) != 0; });
}

}  // namespace

void LenientView::step(char taken) {
  const bool digit = taken >= '0' && taken <= '9';
  switch (place_) {
    case Place::kDigit:
      if (digit) {
        next_ = std::find_if(next_, end_, [](char c) { return c < '0' || c > '9'; });
      }
      [[fallthrough]];
    case Place::kOutside:
      place_ = taken == '"' ? Place::kString : digit ? Place::kDigit : Place::kOutside;
      break;
    case Place::kString:
      place_ = taken == '"' ? Place::kOutside : taken == '\\' ? Place::kEscape : Place::kString;
      break;
    case Place::kEscape:
      place_ = taken == 'u' ? Place::kHex : Place::kString;
      break;
    case Place::kHex:
      place_ = Place::kString;
      break;
  }
}

bool JsonCursor::at_end() {
  position_ = std::min(text_.find_first_not_of(kSpace, position_), text_.size());
  return position_ == text_.size();
}

bool JsonCursor::take(char c) {
  const bool found = !at_end() && text_[position_] == c;
  position_ += found ? 1 : 0;
  return found;
}

// The place of the comma or bracket that ends the value which begins here, or the place before the
// first landmark from the error on if that comes sooner; begin itself when there is neither.
std::size_t JsonCursor::end_of_broken(std::size_t begin, std::string_view landmark) const {
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = begin; i < text_.size(); ++i) {
    const char c = text_[i];
    const bool closing = c == '}' || c == ']';
    if (c == '"') {
      const std::size_t end = i + 1 >= position_ ? end_before(i, landmark) : 0;
      if (end != 0) {
        return end;
      }
      in_string = !in_string;
    } else if (in_string) {
      i += c == '\\' ? 1U : 0U;
    } else if (depth == 0 && (closing || c == ',')) {
      return i;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if (closing) {
      --depth;
    }
  }
  return begin;
}

// The place behind the first bracket when `} , { <landmark>` surrounds the given place, else 0.
std::size_t JsonCursor::end_before(std::size_t place, std::string_view landmark) const {
  if (landmark.empty() || !text_.substr(place).starts_with(landmark)) {
    return 0;
  }
  for (const char expected : std::string_view("{,}")) {
    place = text_.find_last_not_of(kSpace, place - 1);
    if (place == std::string_view::npos || place == 0 || text_[place] != expected) {
      return 0;
    }
  }
  return place + 1;
}

std::string unescape(std::string_view escaped) {
  if (escaped.find('\\') == std::string_view::npos) {
    return std::string(escaped);
  }
  const std::string quoted = fmt::format("\"{}\"", escaped);
  rapidjson::Document document;
  document.Parse(quoted.data(), quoted.size());
  const bool meaningful =
      document.IsString() && valid_utf8({document.GetString(), document.GetStringLength()});
  return meaningful ? std::string(document.GetString(), document.GetStringLength())
                    : std::string(escaped);
}

bool valid_utf8(std::string_view text) {
  rapidjson::MemoryStream in(text.data(), text.size());
  NoOutput out;
  while ((in.src_ = skip_ascii(in.src_, in.end_)) != in.end_) {
    if (!rapidjson::UTF8<>::Validate(in, out)) {
      return false;
    }
  }
  return true;
}

}  // namespace ohip
