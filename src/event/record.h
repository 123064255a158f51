#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"

namespace ohip {

// One Kafka record, ready to be produced.
struct Record {
  std::string topic;
  std::string key;
  std::string value;                                         // the event, verbatim
  std::vector<std::pair<std::string, std::string>> headers;  // UTF-8
  TimePoint timestamp;
  // The answer's data value mappings: large perhaps, so all records share them. Empty: none.
  std::string_view mapping = {};

  // What is sent: the value, with the mapping spliced in as one more member.
  std::string payload() const;
};

}  // namespace ohip
