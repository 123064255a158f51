#pragma once

#include <rapidjson/reader.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "event/json_cursor.h"

namespace ohip {

// Where a value stands in an event.
enum EventPlace : std::uint8_t {
  kId,
  kModule,
  kAction,
  kPrimaryKey,
  kCreated,
  kHotel,
  kTexts,  // so far the texts that a record needs; now the objects around them
  kEvent,
  kBusinessEvent,
  kHeader,
  kBusinessEventId,
  kElsewhere,
};

// Whether the names are the same but for the case of the first letter: Oracle's examples have
// DataValueMapping where its schema has dataValueMapping.
bool same_name(std::string_view a, std::string_view b);

// Collects the texts of one event while JsonCursor steps over it. A number counts as its text; of
// two members of one name the last counts.
class EventReader : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, EventReader> {
 public:
  // Empty when absent.
  std::string text(EventPlace place) const { return unescape(texts_[place]); }

  bool Key(const char* name, rapidjson::SizeType size, bool /*copy*/) {
    if (depth_ < path_.size()) {
      enter_member({name, size});
    }
    return true;
  }
  bool String(const char* text, rapidjson::SizeType size, bool /*copy*/) {
    if (place_ < kTexts) {
      texts_[place_] = {text, size};
    }
    return true;
  }
  bool RawNumber(const char* end, rapidjson::SizeType size, bool copy) {
    return String(end - size, size, copy);
  }
  bool StartObject() { return enter(); }
  bool StartArray() { return enter(); }
  bool EndObject(rapidjson::SizeType /*members*/) { return leave(); }
  bool EndArray(rapidjson::SizeType /*elements*/) { return leave(); }

 private:
  void enter_member(std::string_view name);
  void forget(EventPlace place);

  bool enter() {
    if (++depth_ < path_.size()) {
      path_[depth_] = place_;
    }
    place_ = kElsewhere;
    return true;
  }
  bool leave() {
    --depth_;
    return true;
  }

  std::array<std::string_view, kTexts> texts_;  // with their escapes
  std::array<EventPlace, 4> path_{};            // by depth, from 1 on; nothing deeper matters
  std::size_t depth_ = 0;
  EventPlace place_ = kEvent;  // of the next value
};

}  // namespace ohip
