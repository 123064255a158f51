#include "kafka/group_client.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "kafka/types.h"

namespace ohip {
namespace {

using Event = Handle<rd_kafka_event_t, rd_kafka_event_destroy>;

constexpr Milliseconds kRequest{5'000};
constexpr Milliseconds kPause{200};

std::map<std::string, std::string> consumer_properties(
    const std::map<std::string, std::string>& properties, const std::string& group, bool stable) {
  std::map<std::string, std::string> all = properties;
  all.erase("transactional.id");
  all["group.id"] = group;
  all["enable.auto.commit"] = "false";
  all["isolation.level"] = stable ? "read_committed" : "read_uncommitted";
  return all;
}

constexpr rd_kafka_resp_err_t kForbidden = RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED;

int milliseconds(Milliseconds time) {
  return static_cast<int>(time.count());
}

}  // namespace

GroupClient::GroupClient(const std::map<std::string, std::string>& properties, GroupPlace place,
                         bool stable, const Log& log)
    : place_(std::move(place)),
      consumer_(consumer_properties(properties, place_.group, stable), "group", log) {}

std::optional<GroupOffset> GroupClient::ask(Milliseconds patience) {
  std::optional<GroupOffset> found;
  insist(patience, [&](Milliseconds time) { return ask_once(time, found); });
  return found;
}

void GroupClient::commit(const GroupOffset& offset, Milliseconds patience) {
  insist(patience, [&](Milliseconds time) { return commit_once(offset, time); });
}

// Until it works, what fails lasts, or no time is left.
template <typename Try>
void GroupClient::insist(Milliseconds patience, Try attempt) {
  for (const SteadyPoint end = steady_now() + patience;;) {
    const auto left = std::chrono::duration_cast<Milliseconds>(end - steady_now());
    const rd_kafka_resp_err_t code = attempt(std::clamp(left, Milliseconds(1), kRequest));
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
      return;
    }
    consumer_.throw_if_lasting();
    const Error trouble = group_trouble(forbidden() ? kForbidden : code, place_);
    if (trouble.status() != ExitStatus::kUnavailable || steady_now() + kPause >= end) {
      throw Error(trouble);
    }
    std::this_thread::sleep_for(kPause);
  }
}

// That the group may not be used librdkafka tells as what a consumer reads, and the question itself
// only runs out of time.
bool GroupClient::forbidden() {
  while (const KafkaMessage message{rd_kafka_consumer_poll(consumer_.handle(), 0)}) {
    if (message->err == kForbidden) {
      return true;
    }
  }
  return false;
}

rd_kafka_resp_err_t GroupClient::ask_once(Milliseconds time, std::optional<GroupOffset>& found) {
  const KafkaPartitions list = partition_list(place_, GroupOffset{});
  const rd_kafka_resp_err_t code =
      rd_kafka_committed(consumer_.handle(), list.get(), milliseconds(time));
  const rd_kafka_topic_partition_t& partition = list->elems[0];
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR || partition.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return code != RD_KAFKA_RESP_ERR_NO_ERROR ? code : partition.err;
  }
  if (partition.offset >= 0) {
    const auto* metadata = static_cast<const char*>(partition.metadata);
    found = GroupOffset{partition.offset, {metadata, metadata + partition.metadata_size}};
  }
  return code;
}

rd_kafka_resp_err_t GroupClient::commit_once(const GroupOffset& offset, Milliseconds time) {
  const KafkaPartitions list = partition_list(place_, offset);
  const KafkaQueue queue(rd_kafka_queue_new(consumer_.handle()));
  const rd_kafka_resp_err_t refused =
      rd_kafka_commit_queue(consumer_.handle(), list.get(), queue.get(), nullptr, nullptr);
  if (refused != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return refused;
  }
  const Event event(rd_kafka_queue_poll(queue.get(), milliseconds(time)));
  if (!event) {
    return RD_KAFKA_RESP_ERR__TIMED_OUT;
  }
  const rd_kafka_resp_err_t code = rd_kafka_event_error(event.get());
  const rd_kafka_topic_partition_list_t* answer = rd_kafka_event_topic_partition_list(event.get());
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR || answer == nullptr || answer->cnt == 0) {
    return code != RD_KAFKA_RESP_ERR_NO_ERROR ? code : RD_KAFKA_RESP_ERR__BAD_MSG;
  }
  return answer->elems[0].err;
}

}  // namespace ohip
