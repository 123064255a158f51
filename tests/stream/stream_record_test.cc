#include "stream/stream_record.h"

#include <algorithm>
#include <string>

#include "support/catch.h"

namespace ohip {
namespace {

const StreamOrigin kOrigin{"gateway.example.com", "CHAIN #1", "ohip.{module}.{hotel}"};

StreamEvent event() {
  StreamEvent event;
  event.json = R"({"metadata": {"offset":"193"}, "detail" : [] })";
  event.offset = "193";
  event.unique_event_id = "id-1";
  event.module = "RESERVATION";
  event.name = "UPDATE RESERVATION";
  event.primary_key = "4711";
  event.timestamp = "28-APR-24 06.18.59.028027 AM";
  event.hotel = "H/1";
  event.received = *parse_basic_utc("20261125T120000.123456Z");
  return event;
}

std::string header(const Record& record, const std::string& name) {
  const auto found = std::find_if(record.headers.begin(), record.headers.end(),
                                  [&](const auto& header) { return header.first == name; });
  return found == record.headers.end() ? "(none)" : found->second;
}

}  // namespace

TEST_CASE("a streamed event's record: verbatim, and CloudEvents' headers") {
  const Record record = make_record(event(), kOrigin);
  CHECK(record.topic == "ohip.reservation.H-1");
  CHECK(record.key == "H/1/reservation/4711");
  CHECK(record.value == event().json);
  CHECK(record.timestamp == event().received);
  CHECK(header(record, "content-type") == "application/json");
  CHECK(header(record, "ce_specversion") == "1.0");
  CHECK(header(record, "ce_id") == "id-1");
  CHECK(header(record, "ce_source") == "//gateway.example.com/subscriptions/CHAIN%20%231");
  CHECK(header(record, "ce_type") == "com.oracle.opera.reservation.update-reservation");
  CHECK(header(record, "ce_subject") == "4711");
  CHECK(header(record, "ce_time") == "2026-11-25T12:00:00.123456Z");
  CHECK(header(record, "ce_createddatetime") == event().timestamp);
  CHECK(header(record, "ce_hotelid") == "H/1");
  CHECK(header(record, "ce_ohipoffset") == "193");
  CHECK(header(record, "ce_dataschema") == "urn:ohip-poll:new-event:1");
  CHECK(header(record, "ce_requestid") == "(none)");
}

TEST_CASE("what a streamed event lacks is empty in the key, and no header") {
  StreamEvent bare;
  bare.json = "{}";
  bare.offset = "1";
  bare.unique_event_id = "x";
  const Record record = make_record(bare, kOrigin);
  CHECK(record.key == "//");
  CHECK(record.topic == "ohip.unknown.unknown");
  CHECK(header(record, "ce_type") == "com.oracle.opera.unknown.unknown");
  for (const char* name : {"ce_subject", "ce_hotelid", "ce_createddatetime"}) {
    CHECK(header(record, name) == "(none)");
  }
}

}  // namespace ohip
