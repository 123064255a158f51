#include "event/record_builder.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include "base/clock.h"
#include "base/handle.h"
#include "event/naming.h"

namespace ohip {
namespace {

std::string source_uri(const Origin& origin) {
  const std::string& code = origin.external_system;
  const Handle<char, curl_free> escaped(
      curl_easy_escape(nullptr, code.data(), static_cast<int>(code.size())));
  return fmt::format("{}/externalSystem/{}", source_authority(origin.gateway), escaped.get());
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
  return record_key(hotel(event), event.text(kModule), event.text(kPrimaryKey));
}

std::string RecordBuilder::hotel(const EventReader& event) const {
  const std::string hotel = event.text(kHotel);
  return hotel.empty() ? origin_.hotel : hotel;
}

std::string RecordBuilder::topic(const EventReader& event) const {
  return topic_name(origin_.topic, event.text(kModule), hotel(event));
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
  add("ce_type", event_type(event.text(kModule), event.text(kAction)));
  add("ce_subject", event.text(kPrimaryKey));
  add("ce_time", time_);
  add("ce_createddatetime", event.text(kCreated));
  add("ce_hotelid", hotel(event));
  add("ce_requestid", batch_.request_id);
  add("ce_dataschema", "urn:ohip-poll:business-event:1");
  return headers;
}

}  // namespace ohip
