#include "kafka/group_offset.h"

#include <cstring>

namespace ohip {

KafkaPartitions partition_list(const GroupPlace& place, const GroupOffset& offset) {
  KafkaPartitions list(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_t& partition =
      *rd_kafka_topic_partition_list_add(list.get(), place.topic.c_str(), 0);
  partition.offset = offset.number;
  if (!offset.metadata.empty()) {  // freed with the list
    partition.metadata = rd_kafka_mem_malloc(nullptr, offset.metadata.size());
    partition.metadata_size = offset.metadata.size();
    std::memcpy(partition.metadata, offset.metadata.data(), offset.metadata.size());
  }
  return list;
}

Error group_trouble(rd_kafka_resp_err_t code, const GroupPlace& place) {
  const auto told = [&](ExitStatus status, std::string_view what, const std::string& hint) {
    return Error(status, fmt::format("Kafka: {}: {}", what, rd_kafka_err2str(code)), hint);
  };
  switch (code) {
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
      return told(ExitStatus::kRefused, "group " + place.group,
                  "grant this user Read on the groups whose names begin with ohip-stream/");
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
      return told(ExitStatus::kRefused, "transactional id " + place.group,
                  "grant this user Write and Describe on the transactional ids that begin with "
                  "ohip-stream/");
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
      return told(ExitStatus::kRefused, "state topic " + place.topic,
                  "grant this user Read and Describe on it, or name an empty topic of one "
                  "partition with --state-topic and grant it there");
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
      return told(ExitStatus::kConfig, "state topic " + place.topic,
                  "create it with one partition, or name another with --state-topic");
    case RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE:
      return told(ExitStatus::kConfig, "group " + place.group,
                  "the brokers' offset.metadata.max.bytes is below its default of 4096");
    case RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT:
      return told(ExitStatus::kConfig, "transactional id " + place.group,
                  "transaction.timeout.ms is above the brokers' transaction.max.timeout.ms");
    case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION:
      return told(ExitStatus::kConfig, "group " + place.group,
                  "this cluster has no transactions: --kafka-profile oci-streaming");
    case RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT:
      return told(ExitStatus::kUnavailable, "group " + place.group,
                  "a transaction that holds its position is still open; nothing was taken, the "
                  "next run tries again");
    default:
      return told(ExitStatus::kUnavailable, "group " + place.group,
                  "nothing was taken, the next run tries again");
  }
}

}  // namespace ohip
