#pragma once

#include <rapidjson/error/en.h>
#include <rapidjson/reader.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ohip {

// A text for RapidJSON's in-situ mode, which writes into its text; this one lets it write nothing.
// So handlers hear strings as they stand in the text, with their escapes, and nothing is copied:
// half the time. A number's address is that of the byte behind it.
class InSituView {
 public:
  using Ch = char;

  explicit InSituView(std::string_view text)
      : begin_(text.data()), next_(begin_), end_(begin_ + text.size()) {}

  char Peek() const { return next_ == end_ ? '\0' : *next_; }
  char Take() { return next_ == end_ ? '\0' : *next_++; }
  std::size_t Tell() const { return static_cast<std::size_t>(next_ - begin_); }

  char* PutBegin() { return const_cast<char*>(next_); }
  void Put(char /*c*/) {}
  std::size_t PutEnd(const char* begin) const { return static_cast<std::size_t>(next_ - begin); }

 private:
  const char* begin_;

 protected:
  const char* next_;
  const char* end_;
};

// The same for what JSON allows and RapidJSON does not: numbers that no double holds, and half of a
// surrogate pair (RFC 8259, 6 and 8.2). It shows of a run of digits two, and of \ud83d \u083d.
class LenientView : public InSituView {
 public:
  using InSituView::InSituView;

  char Peek() const {
    const char c = InSituView::Peek();
    return place_ == Place::kHex && (c == 'd' || c == 'D') ? '0' : c;
  }
  char Take() {
    const char c = Peek();
    InSituView::Take();
    step(c);
    return c;
  }

 private:
  enum class Place { kOutside, kDigit, kString, kEscape, kHex };

  void step(char taken);

  Place place_ = Place::kOutside;
};

// Hands on to another handler, up to a depth.
template <typename Handler>
class DepthLimit {
 public:
  explicit DepthLimit(Handler& handler) : handler_(handler) {}

  bool Null() { return handler_.Null(); }
  bool Bool(bool value) { return handler_.Bool(value); }
  bool RawNumber(const char* text, rapidjson::SizeType size, bool copy) {
    return handler_.RawNumber(text, size, copy);
  }
  bool String(const char* text, rapidjson::SizeType size, bool copy) {
    return handler_.String(text, size, copy);
  }
  bool Key(const char* text, rapidjson::SizeType size, bool copy) {
    return handler_.Key(text, size, copy);
  }
  bool StartObject() { return ++depth_ <= kDeepest && handler_.StartObject(); }
  bool StartArray() { return ++depth_ <= kDeepest && handler_.StartArray(); }
  bool EndObject(rapidjson::SizeType members) {
    --depth_;
    return handler_.EndObject(members);
  }
  bool EndArray(rapidjson::SizeType elements) {
    --depth_;
    return handler_.EndArray(elements);
  }
  // Numbers are texts here: never called.
  bool Int(int /*value*/) { return false; }
  bool Uint(unsigned /*value*/) { return false; }
  bool Int64(std::int64_t /*value*/) { return false; }
  bool Uint64(std::uint64_t /*value*/) { return false; }
  bool Double(double /*value*/) { return false; }

 private:
  static constexpr std::size_t kDeepest = 1'000'000;

  Handler& handler_;
  std::size_t depth_ = 0;
};

struct JsonValue {
  std::string_view bytes;
  const char* error = nullptr;  // why it is not valid JSON; null: it is
};

// Walks a JSON text value by value. Each value is checked on its own, so that a broken one does not
// hide what comes after it. White space between tokens is skipped.
class JsonCursor {
 public:
  explicit JsonCursor(std::string_view text) : text_(text) {}

  std::size_t position() const { return position_; }
  bool at_end();
  // The next byte; 0 at the end.
  char peek() { return at_end() ? '\0' : text_[position_]; }
  // Steps over the next byte if it is this one.
  bool take(char c);
  // Steps over the next value; the handler (RapidJSON's, as InSituView says) hears what is in it.
  // Nesting costs eight bytes a level and no stack, up to a million levels. Nothing when the text
  // ends within the value, or when it is so broken that its end cannot be told. A broken one ends
  // where its brackets do, at the latest before `, { <landmark>`: a quote too many turns the rest
  // of a text inside out, but such a sequence, with a name's opening quote in it, never stands in a
  // string.
  template <typename Handler>
  std::optional<JsonValue> value(Handler& handler, std::string_view landmark = {});

 private:
  template <typename View, typename Handler>
  rapidjson::ParseResult parse(Handler& handler, std::size_t begin);
  std::size_t end_of_broken(std::size_t begin, std::string_view landmark) const;
  std::size_t end_before(std::size_t place, std::string_view landmark) const;

  std::string_view text_;
  std::size_t position_ = 0;
  rapidjson::Reader reader_;
};

// What a string between its quotes means. One with half of a surrogate pair (\udc00) has no meaning
// in UTF-8 and stays as it is.
std::string unescape(std::string_view escaped);

bool valid_utf8(std::string_view text);

template <typename View, typename Handler>
rapidjson::ParseResult JsonCursor::parse(Handler& handler, std::size_t begin) {
  using namespace rapidjson;
  constexpr unsigned kFlags =
      kParseIterativeFlag | kParseInsituFlag | kParseStopWhenDoneFlag | kParseNumbersAsStringsFlag;
  View stream(text_.substr(begin));
  DepthLimit<Handler> limited(handler);
  const ParseResult result = reader_.Parse<kFlags>(stream, limited);
  position_ = begin + stream.Tell();
  return result;
}

template <typename Handler>
std::optional<JsonValue> JsonCursor::value(Handler& handler, std::string_view landmark) {
  using namespace rapidjson;
  if (at_end()) {
    return std::nullopt;
  }
  const std::size_t begin = position_;
  const Handler untouched = handler;
  ParseResult result = parse<InSituView>(handler, begin);
  if (result.Code() == kParseErrorNumberTooBig ||
      result.Code() == kParseErrorStringUnicodeSurrogateInvalid) {
    handler = untouched;
    result = parse<LenientView>(handler, begin);
  }
  JsonValue value;
  if (result.IsError()) {
    const std::size_t end = end_of_broken(begin, landmark);
    if (end == begin) {
      return std::nullopt;
    }
    position_ = end;
    value.error = result.Code() == kParseErrorTermination ? "It is nested too deep."
                                                          : GetParseError_En(result.Code());
  }
  value.bytes = text_.substr(begin, position_ - begin);
  if (value.error == nullptr && !valid_utf8(value.bytes)) {
    value.error = GetParseError_En(kParseErrorStringInvalidEncoding);
  }
  return value;
}

}  // namespace ohip
