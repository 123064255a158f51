#include "simulator/events.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <array>

namespace ohip::sim {
namespace {

struct Guest {
  const char* first;
  const char* last;
};

// Everything a careless reader of JSON or UTF-8 stumbles over.
constexpr std::array kGuests = {
    Guest{"José", "Muñoz"},        Guest{"Zoë", "O'Neil \"Zo\""}, Guest{"太郎", "山田"},
    Guest{"Søren", "Ångström"},    Guest{"Анна", "Иванова"},      Guest{"Łucja", "Żółć"},
    Guest{"Ana\\Mia", "De/Silva"}, Guest{"\U0001F382", "Party"},  Guest{"Line\none", "Tab\ttwo"},
    Guest{"محمد", "العربي"},       Guest{"Nguyễn", "Thị Ánh"},    Guest{"John", "Smith"},
};

constexpr std::array kRoomTypes = {"DLXK", "STDT", "SUI"};
constexpr std::array kStatuses = {"RESERVED", "CHECKED IN", "CHECKED OUT", "CANCELLED"};

constexpr std::time_t kFirstDay = 1'772'355'600;  // 2026-03-01 09:00:00
constexpr std::time_t kDay = 24L * 3600;

std::string date(std::time_t time) {
  return fmt::format("{:%Y-%m-%d}", fmt::gmtime(time));
}

template <typename Writer>
std::string quote(const std::string& value) {
  rapidjson::StringBuffer json;
  Writer(json).String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
  return json.GetString();
}

}  // namespace

const char* const kDataValueMapping =
    R"([{"dataElement":"ROOM TYPE","operaValue":"DLXK","externalValue":"1234"},)"
    R"({"dataElement":"RATE CODE","operaValue":"BAR1","externalValue":"Tarif été"}])";

// Each member as JSON, but the action; no details: the member is absent.
struct EventGenerator::Draft {
  std::string module;
  const char* action;
  std::string primary_key;
  std::vector<std::string> details;
};

std::string EventGenerator::text(const std::string& value) const {
  using Utf8 = rapidjson::UTF8<>;
  using Escaping = rapidjson::Writer<rapidjson::StringBuffer, Utf8, rapidjson::ASCII<>>;
  return escaped_ ? quote<Escaping>(value)
                  : quote<rapidjson::Writer<rapidjson::StringBuffer>>(value);
}

std::string EventGenerator::number(std::uint64_t value) const {
  return quoted_ ? fmt::format(R"("{}")", value) : std::to_string(value);
}

// An empty value is absent.
std::string EventGenerator::detail(const char* element, const std::string& old_value,
                                   const std::string& new_value, const char* more) const {
  const auto member = [this](const char* name, const std::string& value) {
    return value.empty() ? "" : fmt::format(R"(,"{}":{})", name, text(value));
  };
  return fmt::format(R"({{"dataElement":"{}"{}{}{}}})", element, member("oldValue", old_value),
                     member("newValue", new_value), more);
}

std::uint64_t EventGenerator::known_reservation(const std::string& hotel) {
  const std::vector<std::uint64_t>& known = reservations_[hotel];
  return known[pick(known.size())];
}

EventGenerator::Draft EventGenerator::new_reservation(const std::string& hotel) {
  const Guest guest = kGuests.at(pick(kGuests.size()));
  const std::uint64_t key = 919'000 + count_;
  reservations_[hotel].push_back(key);
  const std::time_t arrival = kFirstDay + kDay * static_cast<std::time_t>(pick(60));
  return {
      R"("Reservation")",
      "NEW RESERVATION",
      fmt::format(R"("{}")", key),
      {detail("NAME", "", guest.last), detail("FIRST NAME", "", guest.first),
       detail("CONFIRMATION NO", "", std::to_string(1'460'000 + key)),
       detail("RESERVATION STATUS", "", kStatuses[0]), detail("ARRIVAL DATE", "", date(arrival)),
       detail("DEPARTURE DATE", "", date(arrival + 2 * kDay)),
       detail("ROOM TYPE", "", kRoomTypes.at(pick(kRoomTypes.size()))),
       detail("RATE CODE", "", "BAR1"), detail("RATE AMOUNT", "", "129.5"),
       detail("COMMENTS", "", "")}};
}

EventGenerator::Draft EventGenerator::changed_reservation(const std::string& hotel) {
  const Guest guest = kGuests.at(pick(kGuests.size()));
  const std::size_t status = pick(kStatuses.size() - 1);
  return {R"("Reservation")",
          "UPDATE RESERVATION",
          fmt::format(R"("{}")", known_reservation(hotel)),
          {detail("NAME", guest.last, guest.last),
           detail("RESERVATION STATUS", kStatuses.at(status), kStatuses.at(status + 1)),
           detail("ROOM", "", std::to_string(100 + pick(400))),
           detail("RATE AMOUNT", "129.5", "119",
                  R"(,"scopeFrom":"2026-03-02","scopeTo":"2026-03-04")")}};
}

EventGenerator::Draft EventGenerator::profile() {
  const Guest guest = kGuests.at(pick(kGuests.size()));
  const std::uint64_t key = 42'000 + pick(50);
  // The chain's events carry 14 instead of the name; here one profile always the same.
  return {key % 4 == 0 ? "14" : R"("Profile")",
          "UPDATE PROFILE",
          number(key),
          {detail("FIRST NAME", "", guest.first), detail("NAME", guest.last, guest.last),
           detail("PHONE NUMBER", "", "+49 30 901820",
                  R"(,"elementSequence":1,"elementType":"MOBILE","elementRole":"PHONE")"),
           detail("WEBPAGE", "", "")}};
}

// Nothing but a header: a hotel that has chosen no data elements.
EventGenerator::Draft EventGenerator::room_status() {
  return {R"("Housekeeping")", "ROOM STATUS CHANGED", fmt::format(R"("{}")", 100 + pick(400)), {}};
}

EventGenerator::Draft EventGenerator::draft(const std::string& hotel) {
  const std::uint64_t kind = pick(10);
  if (kind < 3 || reservations_[hotel].empty()) {
    return new_reservation(hotel);
  }
  return kind < 7 ? changed_reservation(hotel) : kind < 9 ? profile() : room_status();
}

// Now and then a minute back.
std::string EventGenerator::created() {
  const std::time_t time = kFirstDay + 7 * static_cast<std::time_t>(count_) - (one_in(8) ? 60 : 0);
  return fmt::format(R"("{:%Y-%m-%d %H:%M:%S}.0")", fmt::gmtime(time));
}

std::string EventGenerator::next(const std::string& hotel) {
  escaped_ = one_in(3);
  quoted_ = one_in(2);
  const std::uint64_t id = 1'971'132 + (count_ ^ 1U);  // 1, 0, 3, 2 …
  const std::string id_text = one_in(8) ? std::to_string(id) : fmt::format(R"("{}")", id);
  const std::string parent =
      one_in(3) ? fmt::format(R"("parentActionId":{},)", number(id - 1)) : "";
  const Draft event = draft(hotel);
  const std::string details =
      event.details.empty() ? "" : fmt::format(R"(,"details":[{}])", fmt::join(event.details, ","));
  const std::string header =
      fmt::format(R"("moduleName":{},"actionType":"{}","actionId":{},"primaryKey":{},{})"
                  R"("publisherId":{},"createdDateTime":{},"hotelId":{})",
                  event.module, event.action, number(id), event.primary_key, parent, number(57'489),
                  created(), text(hotel));
  ++count_;
  return fmt::format(R"({{"businessEvent":{{"header":{{{}}}{}}},"businessEventId":{{"id":{}}}}})",
                     header, details, id_text);
}

}  // namespace ohip::sim
