#include "simulator/new_event.h"

#include <fmt/format.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <array>
#include <charconv>
#include <cstdio>
#include <string_view>

namespace ohip::sim {
namespace {

using rapidjson::Value;
using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

std::string metadata_json(const Metadata& metadata) {
  return fmt::format(R"("metadata":{{"offset":"{}","uniqueEventId":"{}"}})", metadata.offset,
                     metadata.unique_event_id);
}

// A scalar of the Poll API as the Streaming API has it: a string; empty when absent.
std::string text_of(const Value& object, const char* name) {
  if (!object.IsObject() || !object.HasMember(name)) {
    return {};
  }
  const Value& value = object[name];
  return value.IsString()  ? std::string(value.GetString(), value.GetStringLength())
         : value.IsInt64() ? std::to_string(value.GetInt64())
                           : std::string();
}

void write_text(Writer& json, const char* name, const std::string& value) {
  json.Key(name);
  json.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
}

// Absent is null.
void write_or_null(Writer& json, const char* name, const std::string& value) {
  if (value.empty()) {
    json.Key(name);
    json.Null();
  } else {
    write_text(json, name, value);
  }
}

// 2026-03-01 14:05:09.0 as 01-MAR-26 02.05.09.000000 PM
std::string stream_time(const std::string& poll_time) {
  constexpr std::array kMonths = {"JAN", "FEB", "MAR", "APR", "MAY", "JUN",
                                  "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"};
  unsigned year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  // NOLINTNEXTLINE(cert-err34-c): the simulator wrote it; else it stays as it is
  const int found = std::sscanf(poll_time.c_str(), "%u-%u-%u %u:%u:%u", &year, &month, &day, &hour,
                                &minute, &second);
  if (found != 6 || month < 1 || month > 12) {
    return poll_time;
  }
  return fmt::format("{:02}-{}-{:02} {:02}.{:02}.{:02}.000000 {}", day, kMonths.at(month - 1),
                     year % 100, (hour + 11) % 12 + 1, minute, second, hour < 12 ? "AM" : "PM");
}

// The Poll API's profiles have a number for a name.
std::string module_name(const std::string& module) {
  std::string name = module == "14" ? "PROFILE" : module;
  for (char& c : name) {
    c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  }
  return name;
}

void write_detail(Writer& json, const Value& element) {
  json.StartObject();
  write_text(json, "oldValue", text_of(element, "oldValue"));
  write_text(json, "newValue", text_of(element, "newValue"));
  write_text(json, "elementName", text_of(element, "dataElement"));
  for (const char* const name :
       {"scopeFrom", "scopeTo", "elementSequence", "elementType", "elementRole"}) {
    write_or_null(json, name, text_of(element, name));
  }
  json.EndObject();
}

void write_header(Writer& json, const Value& header) {
  write_text(json, "moduleName", module_name(text_of(header, "moduleName")));
  write_text(json, "eventName", text_of(header, "actionType"));
  write_text(json, "primaryKey", text_of(header, "primaryKey"));
  write_text(json, "timestamp", stream_time(text_of(header, "createdDateTime")));
  write_or_null(json, "hotelId", text_of(header, "hotelId"));
  write_or_null(json, "publisherId", text_of(header, "publisherId"));
  write_or_null(json, "actionInstanceId", text_of(header, "actionId"));
}

bool changed(const Value& detail) {
  return text_of(detail, "oldValue") != text_of(detail, "newValue");
}

// A member that is not there is null.
void write_fields(Writer& json, const Value& from, const std::vector<Field>& fields, bool delta);

void write_field(Writer& json, const Value& value, const Field& field, bool delta) {
  if (value.IsArray()) {
    json.StartArray();
    for (const Value& part : value.GetArray()) {
      if (!delta || changed(part)) {
        write_fields(json, part, field.fields, delta);
      }
    }
    json.EndArray();
  } else if (value.IsObject()) {
    write_fields(json, value, field.fields, delta);
  } else {
    value.Accept(json);
  }
}

void write_fields(Writer& json, const Value& from, const std::vector<Field>& fields, bool delta) {
  static const Value null;
  json.StartObject();
  for (const Field& field : fields) {
    json.Key(field.name.c_str());
    const auto found = from.FindMember(field.name.c_str());
    write_field(json, found == from.MemberEnd() ? null : found->value, field, delta);
  }
  json.EndObject();
}

}  // namespace

const std::vector<Field>& whole_selection() {
  static const std::vector<Field> all =
      parse_operation(
          "subscription { newEvent { metadata { offset uniqueEventId } moduleName eventName "
          "primaryKey timestamp hotelId publisherId actionInstanceId detail { oldValue newValue "
          "elementName scopeFrom scopeTo elementSequence elementType elementRole } } }",
          Value())
          .field.fields;
  return all;
}

std::optional<std::string> to_new_event(const std::string& business_event,
                                        const Metadata& metadata) {
  rapidjson::Document event;
  event.Parse(business_event.c_str());
  if (event.HasParseError() || !event.IsObject() || !event.HasMember("businessEvent") ||
      !event["businessEvent"].IsObject() || !event["businessEvent"].HasMember("header")) {
    return std::nullopt;
  }
  const Value& body = event["businessEvent"];
  rapidjson::StringBuffer buffer;
  Writer json(buffer);
  json.StartObject();
  write_header(json, body["header"]);
  json.Key("detail");
  json.StartArray();
  if (body.HasMember("details") && body["details"].IsArray()) {
    for (const Value& element : body["details"].GetArray()) {
      write_detail(json, element);
    }
  }
  json.EndArray();
  json.EndObject();
  return fmt::format("{{{},{}", metadata_json(metadata), buffer.GetString() + 1);
}

std::string make_new_event(std::uint64_t number, const std::string& hotel, std::size_t size,
                           const Metadata& metadata) {
  std::string json = fmt::format(
      R"({{{},"moduleName":"RESERVATION","eventName":"UPDATE RESERVATION","primaryKey":"{}",)"
      R"("timestamp":"25-NOV-26 10.15.00.{:06} AM","hotelId":"{}","publisherId":"57489",)"
      R"("actionInstanceId":"{}","detail":[{{"oldValue":"{}","newValue":"{}",)"
      R"("elementName":"ADULTS","scopeFrom":null,"scopeTo":null,"elementSequence":null,)"
      R"("elementType":null,"elementRole":null}},{{"oldValue":"","newValue":")",
      metadata_json(metadata), 919'000 + number % 997, number % 1'000'000, hotel,
      3'000'000 + number, number, number + 1);
  constexpr std::string_view kEnd =
      R"(","elementName":"COMMENTS","scopeFrom":null,"scopeTo":null,"elementSequence":null,)"
      R"("elementType":null,"elementRole":null}]})";
  if (json.size() + kEnd.size() < size) {
    json.append(size - json.size() - kEnd.size(), static_cast<char>('a' + number % 26));
  }
  return json.append(kEnd);
}

std::string with_metadata(const std::string& new_event, Metadata& metadata) {
  rapidjson::Document event;
  event.Parse(new_event.c_str());
  if (event.HasParseError() || !event.IsObject() || event.ObjectEmpty()) {
    return new_event;
  }
  if (!event.HasMember("metadata")) {
    return fmt::format("{{{},{}", metadata_json(metadata),
                       new_event.substr(new_event.find('{') + 1));
  }
  const std::string offset = text_of(event["metadata"], "offset");
  std::from_chars(offset.data(), offset.data() + offset.size(), metadata.offset);
  return new_event;
}

std::string select(const std::string& new_event, const std::vector<Field>& fields, bool delta) {
  rapidjson::Document event;
  event.Parse(new_event.c_str());
  rapidjson::StringBuffer buffer;
  Writer json(buffer);
  write_fields(json, event, fields.empty() ? whole_selection() : fields, delta);
  return buffer.GetString();
}

std::string hotel_of(const std::string& new_event) {
  rapidjson::Document event;
  event.Parse(new_event.c_str());
  return event.HasParseError() ? "" : text_of(event, "hotelId");
}

}  // namespace ohip::sim
