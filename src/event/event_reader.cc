#include "event/event_reader.h"

#include <algorithm>

namespace ohip {
namespace {

struct Member {
  EventPlace object;
  std::string_view name;
  EventPlace value;
};

constexpr std::array kMembers = {
    Member{kEvent, "businessEvent", kBusinessEvent},
    Member{kEvent, "businessEventId", kBusinessEventId},
    Member{kBusinessEventId, "id", kId},
    Member{kBusinessEvent, "header", kHeader},
    Member{kHeader, "moduleName", kModule},
    Member{kHeader, "actionType", kAction},
    Member{kHeader, "primaryKey", kPrimaryKey},
    Member{kHeader, "createdDateTime", kCreated},
    Member{kHeader, "hotelId", kHotel},
};

}  // namespace

bool same_name(std::string_view a, std::string_view b) {
  constexpr unsigned kCaseBit = 0x20;
  return a.size() == b.size() && !a.empty() && a.substr(1) == b.substr(1) &&
         (static_cast<unsigned>(a.front() ^ b.front()) | kCaseBit) == kCaseBit;
}

void EventReader::enter_member(std::string_view name) {
  const auto* const member =
      std::find_if(kMembers.begin(), kMembers.end(), [&](const Member& candidate) {
        return candidate.object == path_[depth_] && same_name(candidate.name, name);
      });
  place_ = member == kMembers.end() ? kElsewhere : member->value;
  forget(place_);
}

// What an earlier member of the same name said, and all in it.
void EventReader::forget(EventPlace place) {
  if (place < kTexts) {
    texts_[place] = {};
  }
  for (const Member& member : kMembers) {
    if (member.object == place) {
      forget(member.value);
    }
  }
}

}  // namespace ohip
