#pragma once

#include <librdkafka/rdkafka.h>

#include <cstdint>
#include <string>

#include "base/error.h"
#include "kafka/types.h"

namespace ohip {

// What a consumer group has committed for a partition.
struct GroupOffset {
  std::int64_t number = 0;  // never negative: librdkafka leaves such a one out without a word
  std::string metadata;     // at most kMaxOffsetMetadata bytes

  bool operator==(const GroupOffset&) const = default;
};

// Kafka's offset.metadata.max.bytes.
inline constexpr std::size_t kMaxOffsetMetadata = 4'096;

// Where it is committed: for partition 0 of the topic. The group has no members and needs none.
struct GroupPlace {
  std::string group;
  std::string topic;
};

// For rd_kafka_send_offsets_to_transaction() and rd_kafka_commit_queue().
KafkaPartitions partition_list(const GroupPlace& place, const GroupOffset& offset);

// Of a code that came back for a group's offset or a transaction: what it is about in an operator's
// words, and the right to grant where one lacks.
Error group_trouble(rd_kafka_resp_err_t code, const GroupPlace& place);

}  // namespace ohip
