#pragma once

#include <librdkafka/rdkafka.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "event/record.h"

namespace ohip {

// Our records in a topic's newest part.
class KafkaTail {
 public:
  struct Place {
    std::int32_t partition = -1;
    std::int64_t offset = -1;
  };

  static constexpr std::size_t kMost = 50'000;  // records: some 15 MB

  // Where records with this one's ce_requestid, ce_id and value lie, each partition in its order;
  // one that a person has mended has another value. Empty for a record without the two headers.
  const std::vector<Place>& places(const Record& record) const;

  // Notes a record of the topic, if it is one of ours. False: there are more than the most.
  bool add(const rd_kafka_message_t& message);

 private:
  using Name = std::pair<std::string, std::size_t>;  // the headers, the value's hash

  std::map<Name, std::vector<Place>> places_;
  std::size_t count_ = 0;
};

}  // namespace ohip
