#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
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
  //  - it holds more than kMostEvents events: records and rejects are empty then;
  //  - something follows behind the JSON document; the events of a second document are decoded;
  //  - a member beside the events is not valid JSON: dataValueMapping is then left out;
  //  - its compression cannot be undone to its end;
  //  - cut_off.
  // Records and rejects hold every whole event of it all the same, where it is cut off those up to
  // there.
  std::string damage;
  // Events may be missing: the body ends within its JSON, or the JSON is so broken (other than
  // inside one event) that what comes after cannot be understood, or nothing proves that the body
  // is whole: neither its transfer nor a JSON document that ends. A body that lacks only white
  // space at its end is whole. Where a mapping would have come later, the records are without it.
  bool cut_off = false;
  std::size_t events = 0;  // whole ones, at most kMostEvents + 1
  // What the mappings are part of when the body had content codings.
  std::unique_ptr<const std::string> text = {};
};

// Whether a body says nothing: white space at most, perhaps behind a byte order mark.
bool is_blank(std::string_view body);

// Turns a batch into records (Oracle's Poll API, 200 answer; CloudEvents 1.0 Kafka binding, binary
// mode). Content codings are undone first. The records' mappings are parts of the batch's body,
// which must stay where it is. No I/O, never throws for what is in the body, whatever it is; linear
// in its size.
Decoded decode(const Batch& batch, const Origin& origin);

}  // namespace ohip
