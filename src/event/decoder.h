#pragma once

#include <string>
#include <vector>

#include "event/batch.h"
#include "event/record.h"
#include "event/record_builder.h"

namespace ohip {

// An event that can never become a record: it is no JSON object, is not valid JSON (a poison pill
// for consumers), or has no businessEventId.id.
struct Reject {
  std::string event;   // its bytes
  std::string reason;  // without guest data
};

// What a body holds. An answer without events (empty, {}, businessEventData null, [] or absent)
// leaves everything empty.
struct Decoded {
  std::vector<Record> records;  // in the body's order
  std::vector<Reject> rejects;  // in the body's order
  // Empty: the whole body was understood. Else what is wrong with it, without guest data:
  //  - it is no JSON object, or one without businessEventData that is no empty answer either;
  //  - something follows behind the JSON document; the events of a second document are decoded;
  //  - a member beside the events is not valid JSON: dataValueMapping is then left out;
  //  - cut_off.
  // Records and rejects hold every whole event of it all the same, where it is cut off those up to
  // there.
  std::string damage;
  // The body ends within its JSON, or the JSON is so broken (other than inside one event) that what
  // comes after cannot be understood: events may be missing. A body that lacks only white
  // space at its end is whole. Where a mapping would have come later, the records are without it.
  bool cut_off = false;
};

// Turns a batch into records (Oracle's Poll API, 200 answer; CloudEvents 1.0 Kafka binding, binary
// mode). No I/O, never throws for what is in the body, whatever it is; linear in its size.
Decoded decode(const Batch& batch, const Origin& origin);

}  // namespace ohip
