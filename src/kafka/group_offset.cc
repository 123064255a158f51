#include "kafka/group_offset.h"

#include <array>
#include <cstring>
#include <thread>

namespace ohip {
namespace {

using Event = Handle<rd_kafka_event_t, rd_kafka_event_destroy>;
using AdminOptions = Handle<rd_kafka_AdminOptions_t, rd_kafka_AdminOptions_destroy>;
using ListOffsets =
    Handle<rd_kafka_ListConsumerGroupOffsets_t, rd_kafka_ListConsumerGroupOffsets_destroy>;
using AlterOffsets =
    Handle<rd_kafka_AlterConsumerGroupOffsets_t, rd_kafka_AlterConsumerGroupOffsets_destroy>;

constexpr Milliseconds kRequest{5'000};
constexpr Milliseconds kPause{200};

KafkaPartitions partition_zero(const std::string& topic) {
  KafkaPartitions list(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), 0);
  return list;
}

AdminOptions admin_options(rd_kafka_t* kafka, rd_kafka_admin_op_t operation) {
  std::array<char, 256> reason{};
  AdminOptions options(rd_kafka_AdminOptions_new(kafka, operation));
  rd_kafka_AdminOptions_set_request_timeout(options.get(), static_cast<int>(kRequest.count()),
                                            reason.data(), reason.size());
  return options;
}

// librdkafka's time-out of an admin call does not always come: a second more and it is ours.
Event wait_for_event(rd_kafka_queue_t* queue) {
  return Event(rd_kafka_queue_poll(queue, static_cast<int>(kRequest.count()) + 1'000));
}

// Of a group's one partition; null where the answer lacks it.
const rd_kafka_topic_partition_t* one_partition(const rd_kafka_group_result_t* group) {
  const rd_kafka_topic_partition_list_t* list = rd_kafka_group_result_partitions(group);
  return list == nullptr || list->cnt == 0 ? nullptr : &list->elems[0];
}

struct Answer {
  rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TIMED_OUT;
  std::optional<GroupOffset> offset;
};

Answer answer_of(rd_kafka_resp_err_t event_code, const rd_kafka_group_result_t** groups,
                 std::size_t count) {
  if (event_code != RD_KAFKA_RESP_ERR_NO_ERROR || groups == nullptr || count == 0) {
    return {event_code != RD_KAFKA_RESP_ERR_NO_ERROR ? event_code : RD_KAFKA_RESP_ERR__BAD_MSG, {}};
  }
  if (const rd_kafka_error_t* error = rd_kafka_group_result_error(groups[0])) {
    return {rd_kafka_error_code(error), {}};
  }
  const rd_kafka_topic_partition_t* partition = one_partition(groups[0]);
  if (partition == nullptr || partition->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return {partition == nullptr ? RD_KAFKA_RESP_ERR__BAD_MSG : partition->err, {}};
  }
  if (partition->offset < 0) {
    return {RD_KAFKA_RESP_ERR_NO_ERROR, {}};
  }
  const auto* metadata = static_cast<const char*>(partition->metadata);
  return {RD_KAFKA_RESP_ERR_NO_ERROR,
          GroupOffset{partition->offset, {metadata, metadata + partition->metadata_size}}};
}

Answer list_once(rd_kafka_t* kafka, const GroupPlace& place, bool stable) {
  const AdminOptions options = admin_options(kafka, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS);
  const KafkaError refused(
      rd_kafka_AdminOptions_set_require_stable_offsets(options.get(), stable ? 1 : 0));
  const KafkaPartitions partitions = partition_zero(place.topic);
  const ListOffsets list(
      rd_kafka_ListConsumerGroupOffsets_new(place.group.c_str(), partitions.get()));
  const KafkaQueue queue(rd_kafka_queue_new(kafka));
  std::array lists = {list.get()};
  rd_kafka_ListConsumerGroupOffsets(kafka, lists.data(), lists.size(), options.get(), queue.get());
  const Event event = wait_for_event(queue.get());
  if (!event) {
    return {};
  }
  std::size_t count = 0;
  const rd_kafka_group_result_t** groups = rd_kafka_ListConsumerGroupOffsets_result_groups(
      rd_kafka_event_ListConsumerGroupOffsets_result(event.get()), &count);
  return answer_of(rd_kafka_event_error(event.get()), groups, count);
}

Answer alter_once(rd_kafka_t* kafka, const GroupPlace& place, const GroupOffset& offset) {
  const AdminOptions options = admin_options(kafka, RD_KAFKA_ADMIN_OP_ALTERCONSUMERGROUPOFFSETS);
  const KafkaPartitions partitions = partition_list(place, offset);
  const AlterOffsets alter(
      rd_kafka_AlterConsumerGroupOffsets_new(place.group.c_str(), partitions.get()));
  const KafkaQueue queue(rd_kafka_queue_new(kafka));
  std::array alters = {alter.get()};
  rd_kafka_AlterConsumerGroupOffsets(kafka, alters.data(), alters.size(), options.get(),
                                     queue.get());
  const Event event = wait_for_event(queue.get());
  if (!event) {
    return {};
  }
  std::size_t count = 0;
  const rd_kafka_group_result_t** groups = rd_kafka_AlterConsumerGroupOffsets_result_groups(
      rd_kafka_event_AlterConsumerGroupOffsets_result(event.get()), &count);
  return answer_of(rd_kafka_event_error(event.get()), groups, count);
}

// Until there is an answer, what lasts, or no time left.
template <typename Ask>
Answer insist(const GroupPlace& place, Milliseconds patience, Ask ask) {
  for (const SteadyPoint end = steady_now() + patience;;) {
    Answer answer = ask();
    if (answer.code == RD_KAFKA_RESP_ERR_NO_ERROR) {
      return answer;
    }
    const Error trouble = group_trouble(answer.code, place);
    if (trouble.status() != ExitStatus::kUnavailable || steady_now() + kPause >= end) {
      throw Error(trouble);
    }
    std::this_thread::sleep_for(kPause);
  }
}

}  // namespace

KafkaPartitions partition_list(const GroupPlace& place, const GroupOffset& offset) {
  KafkaPartitions list = partition_zero(place.topic);
  rd_kafka_topic_partition_t& partition = list->elems[0];
  partition.offset = offset.number;
  if (!offset.metadata.empty()) {  // freed with the list
    partition.metadata = rd_kafka_mem_malloc(nullptr, offset.metadata.size());
    partition.metadata_size = offset.metadata.size();
    std::memcpy(partition.metadata, offset.metadata.data(), offset.metadata.size());
  }
  return list;
}

std::optional<GroupOffset> ask_group_offset(rd_kafka_t* kafka, const GroupPlace& place, bool stable,
                                            Milliseconds patience) {
  return insist(place, patience, [&] { return list_once(kafka, place, stable); }).offset;
}

void alter_group_offset(rd_kafka_t* kafka, const GroupPlace& place, const GroupOffset& offset,
                        Milliseconds patience) {
  insist(place, patience, [&] { return alter_once(kafka, place, offset); });
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
