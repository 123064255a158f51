#include "stream/position_text.h"

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"

namespace ohip {
namespace {

using Json = rapidjson::Writer<rapidjson::StringBuffer>;

constexpr std::size_t kMostDigits = 18;  // fit in Kafka's offset
constexpr std::size_t kLongestId = 1'000;

// Of this version; "v" says which one wrote it.
struct Member {
  const char* name;
  void (*read)(Position&, const std::string&);
  std::string (*write)(const Position&);
};

std::string text_of(TimePoint time) {
  return time == TimePoint{} ? "" : basic_utc(time);
}

TimePoint time_of(const std::string& text) {
  return parse_basic_utc(text).value_or(TimePoint{});
}

constexpr std::array kMembers = {
    Member{"offset", [](Position& p, const std::string& text) { p.offset = text; },
           [](const Position& p) { return p.offset; }},
    Member{"id", [](Position& p, const std::string& text) { p.unique_event_id = text; },
           [](const Position& p) {
             // Not known is safe: the offset alone is compared then.
             return p.unique_event_id.size() > kLongestId ? std::string() : p.unique_event_id;
           }},
    Member{"received", [](Position& p, const std::string& text) { p.received = time_of(text); },
           [](const Position& p) { return text_of(p.received); }},
    Member{"quiet", [](Position& p, const std::string& text) { p.quiet = time_of(text); },
           [](const Position& p) { return text_of(p.quiet); }},
    Member{"since", [](Position& p, const std::string& text) { p.since = time_of(text); },
           [](const Position& p) { return text_of(p.since); }},
    Member{"ended", [](Position& p, const std::string& text) { p.ended = text; },
           [](const Position& p) { return p.ended; }},
    Member{"not_before", [](Position& p, const std::string& text) { p.not_before = time_of(text); },
           [](const Position& p) { return text_of(p.not_before); }},
};

std::int64_t number_of(const std::string& offset) {
  const bool fits =
      !offset.empty() && offset.size() <= kMostDigits &&
      (offset.front() != '0' || offset.size() == 1) &&
      std::all_of(offset.begin(), offset.end(), [](char c) { return c >= '0' && c <= '9'; });
  return fits ? std::stoll(offset) : 0;
}

[[noreturn]] void refuse(const GroupOffset& committed) {
  throw Error(ExitStatus::kConfig,
              fmt::format("the position in Kafka is none that this version understands: {} at {}",
                          shown(committed.metadata), committed.number),
              "use the version that wrote it, or begin with --from and an offset");
}

std::string json_of(const rapidjson::Value& value) {
  rapidjson::StringBuffer buffer;
  Json json(buffer);
  value.Accept(json);
  return {buffer.GetString(), buffer.GetSize()};
}

std::string write_members(const Position& position,
                          const std::vector<std::pair<std::string, std::string>>& unknown) {
  rapidjson::StringBuffer buffer;
  Json json(buffer);
  json.StartObject();
  json.Key("v");
  json.Int(1);
  for (const Member& member : kMembers) {
    const std::string text = member.write(position);
    if (!text.empty()) {
      json.Key(member.name);
      json.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
    }
  }
  for (const auto& [name, value] : unknown) {
    json.Key(name.c_str());
    json.RawValue(value.data(), value.size(), rapidjson::kStringType);
  }
  json.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace

std::optional<Position> PositionText::read(const std::optional<GroupOffset>& committed) {
  unknown_.clear();
  if (!committed) {
    return std::nullopt;
  }
  Position position;
  if (committed->metadata.empty()) {  // not kept, or set by a tool for consumer groups
    position.offset = std::to_string(committed->number);
    return position;
  }
  rapidjson::Document document;
  document.Parse(committed->metadata.data(), committed->metadata.size());
  if (document.HasParseError() || !document.IsObject() || !document.HasMember("v")) {
    refuse(*committed);
  }
  // By index: clang takes RapidJSON's != for ambiguous in C++20.
  for (rapidjson::SizeType i = 0; i < document.MemberCount(); ++i) {
    const auto& [name, value] = document.MemberBegin()[static_cast<std::ptrdiff_t>(i)];
    const std::string key(name.GetString(), name.GetStringLength());
    const auto* const member = std::find_if(kMembers.begin(), kMembers.end(),
                                            [&](const Member& m) { return m.name == key; });
    if (key == "v") {
      continue;
    }
    if (member == kMembers.end()) {
      unknown_.emplace_back(key, json_of(value));
    } else if (value.IsString()) {
      member->read(position, {value.GetString(), value.GetStringLength()});
    } else {
      refuse(*committed);
    }
  }
  return position;
}

GroupOffset PositionText::write(const Position& position) const {
  GroupOffset committed{number_of(position.offset), write_members(position, unknown_)};
  if (committed.metadata.size() > kMaxOffsetMetadata) {
    committed.metadata = write_members(position, {});
  }
  return committed;
}

}  // namespace ohip
