#pragma once

#include <librdkafka/rdkafka.h>

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
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

using KafkaPartitions =
    Handle<rd_kafka_topic_partition_list_t, rd_kafka_topic_partition_list_destroy>;

// For rd_kafka_send_offsets_to_transaction() and alter_group_offset().
KafkaPartitions partition_list(const GroupPlace& place, const GroupOffset& offset);

// Nothing: the group has never committed here, or Kafka has forgotten it (offsets.retention.minutes
// after the last commit). kafka: of a client with a group, see GroupReader. An answer with an error
// is never taken for that: it is asked again until the time is over. stable: wait for open
// transactions that have committed here. Throws Error kUnavailable, kRefused or kConfig.
std::optional<GroupOffset> ask_group_offset(rd_kafka_t* kafka, const GroupPlace& place, bool stable,
                                            Milliseconds patience);

// Commits outside of a transaction; stored when it returns. Throws the same.
void alter_group_offset(rd_kafka_t* kafka, const GroupPlace& place, const GroupOffset& offset,
                        Milliseconds patience);

// Of a code that came back for a group's offset or a transaction: what it is about in an operator's
// words, and the right to grant where one lacks.
Error group_trouble(rd_kafka_resp_err_t code, const GroupPlace& place);

}  // namespace ohip
