#include "event/record_builder.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include "base/clock.h"
#include "base/handle.h"

namespace ohip {
namespace {

// Unlike std::isalnum: ASCII's alone, whatever the locale, and inline.
bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

// What is neither letter, digit nor one of these others becomes '-'.
std::string dashed(std::string_view text, std::string_view others) {
  std::string result(text.empty() ? "unknown" : text);
  for (char& c : result) {
    if (!is_alphanumeric(c) && others.find(c) == std::string_view::npos) {
      c = '-';
    }
  }
  return result;
}

std::string dashed_lower(std::string_view text) {
  std::string result = dashed(text, {});
  for (char& c : result) {
    c = static_cast<char>(c | 0x20);  // the bit of lower case, which digits and '-' have anyway
  }
  return result;
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

std::string source_uri(const Origin& origin) {
  const std::string& code = origin.external_system;
  const Handle<char, curl_free> escaped(
      curl_easy_escape(nullptr, code.data(), static_cast<int>(code.size())));
  const char* const begin = origin.gateway.find("://") == std::string::npos ? "//" : "";
  return fmt::format("{}{}/externalSystem/{}", begin, origin.gateway, escaped.get());
}

}  // namespace

RecordBuilder::RecordBuilder(const Batch& batch, const Origin& origin)
    : batch_(batch),
      origin_(origin),
      source_(source_uri(origin)),
      time_(rfc3339_utc(batch.received)) {}

Record RecordBuilder::build(const EventReader& event, std::string_view bytes) const {
  Record record;
  record.topic = topic(event);
  record.key = key(event);
  record.value = bytes;
  record.headers = headers(event);
  record.timestamp = batch_.received;
  return record;
}

// However Oracle spells the module, and by whatever way the event came, the key is the same.
std::string RecordBuilder::key(const EventReader& event) const {
  const std::string module = event.text(kModule);
  return fmt::format("{}/{}/{}", hotel(event), module.empty() ? "" : dashed_lower(module),
                     event.text(kPrimaryKey));
}

std::string RecordBuilder::hotel(const EventReader& event) const {
  const std::string hotel = event.text(kHotel);
  return hotel.empty() ? origin_.hotel : hotel;
}

std::string RecordBuilder::topic(const EventReader& event) const {
  std::string topic = origin_.topic;
  replace_all(topic, "{module}", dashed_lower(event.text(kModule)));
  replace_all(topic, "{hotel}", dashed(hotel(event), "._-"));
  return topic;
}

std::vector<std::pair<std::string, std::string>> RecordBuilder::headers(
    const EventReader& event) const {
  std::vector<std::pair<std::string, std::string>> headers;
  headers.reserve(11);
  const auto add = [&headers](const char* name, std::string value) {
    if (!value.empty()) {
      headers.emplace_back(name, std::move(value));
    }
  };
  add("content-type", "application/json");
  add("ce_specversion", "1.0");
  add("ce_id", event.text(kId));
  add("ce_source", source_);
  add("ce_type", fmt::format("com.oracle.opera.{}.{}", dashed_lower(event.text(kModule)),
                             dashed_lower(event.text(kAction))));
  add("ce_subject", event.text(kPrimaryKey));
  add("ce_time", time_);
  add("ce_createddatetime", event.text(kCreated));
  add("ce_hotelid", hotel(event));
  add("ce_requestid", batch_.request_id);
  add("ce_dataschema", "urn:ohip-poll:business-event:1");
  return headers;
}

}  // namespace ohip
