#include "stream/message.h"

#include <rapidjson/error/en.h>
#include <rapidjson/reader.h>

#include <array>
#include <cstdint>

#include "event/json_cursor.h"

namespace ohip {
namespace {

// Deeper than anything of Oracle's schema; each level costs memory.
constexpr std::size_t kMaxDepth = 100;
constexpr std::size_t kMaxWords = 1'000;

// Where a value stands in a message.
enum Place : std::uint8_t {
  kType,
  kId,
  kOffset,
  kUniqueEventId,
  kModule,
  kName,
  kPrimaryKey,
  kTimestamp,
  kHotel,
  kTexts,  // so far the texts that are kept; now the containers around them
  kMessage,
  kPayload,
  kData,
  kEvent,
  kMetadata,
  kErrors,
  kErrorText,
  kElsewhere,
};

Place member(Place parent, std::string_view name) {
  struct Member {
    Place parent;
    std::string_view name;
    Place place;
  };
  static constexpr std::array<Member, 15> kMembers = {{
      {kMessage, "type", kType},
      {kMessage, "id", kId},
      {kMessage, "payload", kPayload},
      {kPayload, "data", kData},
      {kPayload, "errors", kErrors},
      {kPayload, "message", kErrorText},  // an element of a payload that is a list of errors
      {kErrors, "message", kErrorText},
      {kData, "newEvent", kEvent},
      {kEvent, "metadata", kMetadata},
      {kEvent, "moduleName", kModule},
      {kEvent, "eventName", kName},
      {kEvent, "primaryKey", kPrimaryKey},
      {kEvent, "timestamp", kTimestamp},
      {kEvent, "hotelId", kHotel},
      {kMetadata, "offset", kOffset},
  }};
  for (const Member& known : kMembers) {
    if (known.parent == parent && known.name == name) {
      return known.place;
    }
  }
  return parent == kMetadata && name == "uniqueEventId" ? kUniqueEventId : kElsewhere;
}

// Hears what is in a message while RapidJSON steps over it (its iterative parser tells of a bracket
// while it stands before it). Of two members of one name the last counts.
class MessageReader : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, MessageReader> {
 public:
  explicit MessageReader(const InSituView& stream) : stream_(stream) {}

  std::string text(Place place) const { return unescape(texts_[place]); }
  const std::string& words() const { return words_; }
  bool has_event() const { return event_end_ > event_begin_; }
  std::string_view event_in(std::string_view text) const {
    return text.substr(event_begin_, event_end_ - event_begin_);
  }

  bool Default() {
    set({});
    return true;
  }
  bool Key(const char* name, rapidjson::SizeType size, bool /*copy*/) {
    place_ = member(path_[depth_], {name, size});
    if (place_ == kEvent) {
      event_begin_ = event_end_ = 0;
    }
    return true;
  }
  bool String(const char* text, rapidjson::SizeType size, bool /*copy*/) {
    set({text, size});
    return true;
  }
  bool RawNumber(const char* end, rapidjson::SizeType size, bool copy) {
    return String(end - size, size, copy);
  }
  bool StartObject() {
    if (place_ == kEvent) {
      forget_event();
    }
    return enter();
  }
  bool EndObject(rapidjson::SizeType /*members*/) {
    if (path_[depth_] == kEvent && event_depth_ == depth_) {
      event_end_ = stream_.Tell() + 1;
    }
    return leave();
  }
  bool StartArray() { return enter(); }
  bool EndArray(rapidjson::SizeType /*elements*/) { return leave(); }

 private:
  void set(std::string_view text) {
    if (place_ < kTexts) {
      texts_[place_] = text;
    } else if (place_ == kErrorText && words_.size() < kMaxWords) {
      words_ += (words_.empty() ? "" : "; ") + unescape(text);
    }
    place_ = in_array(path_[depth_]);
  }

  // What the next element would be, of an array in this place.
  static Place in_array(Place container) {
    return container == kErrors || container == kPayload ? container : kElsewhere;
  }

  void forget_event() {
    for (int place = kOffset; place < kTexts; ++place) {
      texts_[static_cast<std::size_t>(place)] = {};
    }
    event_begin_ = stream_.Tell();
    event_end_ = 0;
    event_depth_ = depth_ + 1;
  }

  bool enter() {
    if (depth_ + 1 == kMaxDepth) {
      return false;
    }
    path_[++depth_] = place_;
    place_ = in_array(place_);
    return true;
  }
  bool leave() {
    --depth_;
    place_ = in_array(path_[depth_]);
    return true;
  }

  const InSituView& stream_;
  std::array<std::string_view, kTexts> texts_;  // with their escapes
  std::array<Place, kMaxDepth> path_{kElsewhere};
  std::size_t depth_ = 0;
  std::size_t event_begin_ = 0;
  std::size_t event_end_ = 0;  // 0: it has not ended yet
  std::size_t event_depth_ = 0;
  Place place_ = kMessage;  // of the next value
  std::string words_;
};

StreamEvent event_of(const MessageReader& reader, std::string_view text) {
  StreamEvent event;
  event.json = reader.has_event() ? reader.event_in(text) : text;
  event.offset = reader.text(kOffset);
  event.unique_event_id = reader.text(kUniqueEventId);
  event.module = reader.text(kModule);
  event.name = reader.text(kName);
  event.primary_key = reader.text(kPrimaryKey);
  event.timestamp = reader.text(kTimestamp);
  event.hotel = reader.text(kHotel);
  return event;
}

}  // namespace

ServerMessage parse_server_message(std::string_view text) {
  using namespace rapidjson;
  constexpr unsigned kFlags = kParseIterativeFlag | kParseInsituFlag | kParseNumbersAsStringsFlag;
  InSituView stream(text);
  MessageReader reader(stream);
  Reader parser;
  const ParseResult result = parser.Parse<kFlags>(stream, reader);
  ServerMessage message;
  if (result.IsError()) {
    message.damage = result.Code() == kParseErrorTermination ? "it is nested too deeply"
                                                             : GetParseError_En(result.Code());
  } else if (stream.Tell() != text.size()) {
    message.damage = GetParseError_En(kParseErrorDocumentRootNotSingular);
  } else if (!valid_utf8(text)) {
    message.damage = GetParseError_En(kParseErrorStringInvalidEncoding);
  }
  message.type = reader.text(kType);
  message.id = reader.text(kId);
  message.words = reader.words();
  message.has_event = message.damage.empty() && reader.has_event();
  message.event = event_of(reader, text);
  if (!message.has_event) {
    message.event.json = text;
  }
  return message;
}

}  // namespace ohip
