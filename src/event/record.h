#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"

namespace ohip {

// One Kafka record, ready to be produced.
struct Record {
  std::string topic;
  std::string key;
  std::string value;
  std::vector<std::pair<std::string, std::string>> headers;  // UTF-8
  TimePoint timestamp;
  std::size_t event_size = 0;

  // The event's bytes in the answer: the value without what was spliced in.
  std::string event() const;
};

}  // namespace ohip
