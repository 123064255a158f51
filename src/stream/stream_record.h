#pragma once

#include <string>

#include "event/record.h"
#include "stream/message.h"

namespace ohip {

// What the records of a stream have in common.
struct StreamOrigin {
  std::string gateway;  // its host
  std::string chain;
  std::string topic;  // may hold {module} and {hotel}
};

// "//<gateway>/subscriptions/<chain>"
std::string source_of(const StreamOrigin& origin);

// CloudEvents 1.0, binary mode; the value is the newEvent object, verbatim. For an event that is no
// reject.
Record make_record(StreamEvent event, const StreamOrigin& origin);

}  // namespace ohip
