#include "event/decoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>

#include "base/content_coding.h"
#include "event/event_reader.h"
#include "event/json_cursor.h"

namespace ohip {
namespace {

// Members of an answer that holds no events (Oracle's OpenAPI, and its paged operations).
constexpr std::array<std::string_view, 9> kBesideEvents = {
    "dataValueMapping", "links",        "warnings",  "hasMore", "count", "limit",
    "offset",           "totalResults", "totalPages"};

// What OHIP's largest answer (10 MB: business events guide, "Technical Assumptions") may become
// when its compression is undone.
constexpr std::size_t kMostText = std::size_t{32} << 20;

// Null, or an empty array or object.
bool holds_nothing(std::string_view json) {
  JsonCursor cursor(json);
  const bool nested = cursor.take('[') || cursor.take('{');
  return json == "null" || (nested && (cursor.peek() == ']' || cursor.peek() == '}'));
}

std::string_view without_bom(std::string_view body) {
  constexpr std::string_view kBom = "\xef\xbb\xbf";
  return body.substr(body.starts_with(kBom) ? kBom.size() : 0);
}

struct KeyReader : rapidjson::BaseReaderHandler<rapidjson::UTF8<>, KeyReader> {
  bool String(const char* text, rapidjson::SizeType size, bool /*copy*/) {
    name = {text, size};
    return true;
  }
  std::string_view name;  // with its escapes
};

// Walks the answer, which is an object with an array of events in it. The walking functions return
// false when the body ends too early or cannot be understood any further.
class Decoder {
 public:
  // The text is the batch's body without its content codings, whose flaw is damage.
  Decoder(const Batch& batch, const Origin& origin, std::string_view text, const Uncoded& uncoded)
      : builder_(batch, origin),
        cursor_(without_bom(text)),
        proven_(batch.whole && uncoded.ended && uncoded.flaw.empty()) {
    damage(uncoded.flaw);
  }

  Decoded decode() && {
    for (int number = 1; !cursor_.at_end(); ++number) {
      if (cursor_.peek() != '{') {
        damage(number == 1 ? "it is not a JSON object" : "something follows its JSON document");
        break;
      }
      if (number == 2) {
        damage("it holds more than one JSON document");
      }
      proven_ = document();
      if (!proven_) {
        break;
      }
    }
    if (decoded_.events > kMostEvents) {
      return too_many_events();
    }
    if (!proven_) {
      decoded_.cut_off = true;
      damage(end_of_sense());
    }
    return std::move(decoded_);
  }

 private:
  static Decoded too_many_events() {
    Decoded decoded;
    decoded.damage = fmt::format("it holds more than {} events", kMostEvents);
    decoded.events = kMostEvents + 1;
    return decoded;
  }

  bool document() {
    const std::size_t first = decoded_.records.size();
    mapping_ = {};
    has_events_ = false;
    is_other_ = false;
    const bool whole = object();
    for (std::size_t i = first; i < decoded_.records.size(); ++i) {
      decoded_.records[i].mapping = mapping_;
    }
    if (whole && is_other_ && !has_events_) {
      damage("it has no businessEventData");
    }
    return whole;
  }

  bool object() {
    cursor_.take('{');
    if (cursor_.take('}')) {
      return true;
    }
    do {
      if (!member()) {
        return false;
      }
    } while (cursor_.take(','));
    return cursor_.take('}');
  }

  bool member() {
    KeyReader key;
    if (cursor_.peek() != '"') {
      return false;
    }
    const auto value = cursor_.value(key);
    if (!value || value->error != nullptr || !cursor_.take(':')) {
      return false;
    }
    if (same_name(key.name, "businessEventData")) {
      has_events_ = true;
      return cursor_.peek() == 'n' ? beside_events(key.name) : events();
    }
    return beside_events(key.name);
  }

  bool events() {
    if (!cursor_.take('[')) {
      return event();
    }
    if (cursor_.take(']')) {
      return true;
    }
    do {
      if (!event()) {
        return false;
      }
    } while (cursor_.take(','));
    return cursor_.take(']');
  }

  bool event() {
    EventReader reader;
    const auto value = cursor_.value(reader, R"("businessEvent)");
    if (!value || ++decoded_.events > kMostEvents) {
      return false;
    }
    std::string flaw = find_flaw(*value, reader);
    if (flaw.empty()) {
      decoded_.records.push_back(builder_.build(reader, value->bytes));
    } else {
      decoded_.rejects.push_back({std::string(value->bytes), std::move(flaw)});
    }
    return true;
  }

  static std::string find_flaw(const JsonValue& value, const EventReader& reader) {
    if (value.error != nullptr) {
      return fmt::format("the event is not valid JSON: {}", value.error);
    }
    if (value.bytes.front() != '{') {
      return "the event is not a JSON object";
    }
    if (reader.text(kId).empty()) {
      return "the event has no businessEventId.id";
    }
    return {};
  }

  bool beside_events(std::string_view name) {
    rapidjson::BaseReaderHandler<> ignore;
    const auto value = cursor_.value(ignore);
    if (!value) {
      return false;
    }
    if (value->error != nullptr) {
      damage("a member beside the events is not valid JSON");
    } else if (same_name(name, "dataValueMapping")) {
      mapping_ = holds_nothing(value->bytes) ? std::string_view() : value->bytes;
    }
    is_other_ |= std::none_of(kBesideEvents.begin(), kBesideEvents.end(),
                              [&](std::string_view known) { return same_name(known, name); });
    return true;
  }

  std::string end_of_sense() {
    return cursor_.at_end()
               ? fmt::format("it ends too early; whole events in it: {}", decoded_.events)
               : fmt::format("its JSON is broken at byte {}; whole events before: {}",
                             cursor_.position(), decoded_.events);
  }

  void damage(const std::string& what) {
    if (!what.empty() && decoded_.damage.find(what) == std::string::npos) {
      decoded_.damage += (decoded_.damage.empty() ? "" : "; ") + what;
    }
  }

  RecordBuilder builder_;
  JsonCursor cursor_;
  bool proven_;               // that the text ends where it should
  std::string_view mapping_;  // of the document that is being walked; empty: none
  bool has_events_ = false;   // it has the member for them
  bool is_other_ = false;     // it has a member that Oracle's answers don't have
  Decoded decoded_;
};

}  // namespace

bool is_blank(std::string_view body) {
  return JsonCursor(without_bom(body)).at_end();
}

Decoded decode(const Batch& batch, const Origin& origin) {
  Uncoded uncoded = undo_content_codings(batch.body, kMostText);
  std::unique_ptr<const std::string> text;
  if (uncoded.text) {
    text = std::make_unique<const std::string>(std::move(*uncoded.text));
  }
  Decoded decoded = Decoder(batch, origin, text ? *text : batch.body, uncoded).decode();
  decoded.text = std::move(text);
  return decoded;
}

}  // namespace ohip
