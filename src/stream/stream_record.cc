#include "stream/stream_record.h"

#include <fmt/format.h>

#include <utility>

#include "base/clock.h"
#include "event/naming.h"
#include "http/client.h"

namespace ohip {

std::string source_of(const StreamOrigin& origin) {
  return fmt::format("{}/subscriptions/{}", source_authority(origin.gateway),
                     percent_encode(origin.chain));
}

Record make_record(StreamEvent event, const StreamOrigin& origin) {
  Record record;
  record.topic = topic_name(origin.topic, event.module, event.hotel);
  record.key = record_key(event.hotel, event.module, event.primary_key);
  record.timestamp = event.received;
  const auto add = [&](const char* name, std::string value) {
    if (!value.empty()) {
      record.headers.emplace_back(name, std::move(value));
    }
  };
  record.headers.reserve(11);
  add("content-type", "application/json");
  add("ce_specversion", "1.0");
  add("ce_id", std::move(event.unique_event_id));
  add("ce_source", source_of(origin));
  add("ce_type", event_type(event.module, event.name));
  add("ce_subject", std::move(event.primary_key));
  add("ce_time", rfc3339_utc(event.received));
  add("ce_createddatetime", std::move(event.timestamp));
  add("ce_hotelid", std::move(event.hotel));
  add("ce_ohipoffset", std::move(event.offset));
  add("ce_dataschema", "urn:ohip-poll:new-event:1");
  record.value = std::move(event.json);
  return record;
}

}  // namespace ohip
