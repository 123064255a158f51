// libFuzzer: whatever a body holds, decode() keeps its promises.

#include <cstdint>
#include <string_view>

#include "event/decoder.h"
#include "event/json_cursor.h"
#include "require.h"

namespace {

// What was found comes back when it is alone in an answer.
void check_record(const ohip::Record& record, const ohip::Batch& batch,
                  const ohip::Origin& origin) {
  ohip::Batch alone = batch;
  alone.body = R"({"businessEventData":[)" + record.value + "]}";
  const ohip::Decoded decoded = decode(alone, origin);
  require(decoded.damage.empty() && decoded.rejects.empty() && decoded.records.size() == 1);
  require(decoded.records.front().value == record.value);
  require(decoded.records.front().headers == record.headers);
  require(record.payload().starts_with(
      std::string_view(record.value).substr(0, record.value.size() - 1)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ohip::Origin origin = {"gw.example.com", "KAFKA", "{module}.{hotel}"};
  ohip::Batch batch;
  batch.request_id = "0f8fad5b-d9cb-469f-a165-70867728950e";
  batch.body.assign(data, data + size);
  const ohip::Decoded decoded = decode(batch, origin);

  require(!decoded.cut_off || !decoded.damage.empty());
  const std::string& text = decoded.text ? *decoded.text : batch.body;
  std::size_t place = 0;
  for (const ohip::Record& record : decoded.records) {
    place = text.find(record.value, place);
    require(place != std::string::npos);
    place += record.value.size();
    check_record(record, batch, origin);
  }
  for (const ohip::Reject& reject : decoded.rejects) {
    require(!reject.event.empty() && text.find(reject.event) != std::string::npos);
    require(!reject.reason.empty());
  }
  return 0;
}
