#include "kafka/cluster/admin.h"

#include <array>
#include <chrono>
#include <stdexcept>
#include <thread>

namespace ohip::test {
namespace {

using namespace std::chrono_literals;

using Event = Handle<rd_kafka_event_t, rd_kafka_event_destroy>;
using NewTopic = Handle<rd_kafka_NewTopic_t, rd_kafka_NewTopic_destroy>;
using DeleteTopic = Handle<rd_kafka_DeleteTopic_t, rd_kafka_DeleteTopic_destroy>;
using DeleteRecords = Handle<rd_kafka_DeleteRecords_t, rd_kafka_DeleteRecords_destroy>;
using List = Handle<rd_kafka_topic_partition_list_t, rd_kafka_topic_partition_list_destroy>;
using AclBinding = Handle<rd_kafka_AclBinding_t, rd_kafka_AclBinding_destroy>;

constexpr int kPatienceMs = 30'000;

using Text = std::array<char, 512>;

void check(rd_kafka_resp_err_t error, const char* text) {
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    throw std::runtime_error(std::string("Kafka: ") +
                             (text != nullptr ? text : rd_kafka_err2str(error)));
  }
}

Event wait(rd_kafka_queue_t* answers) {
  Event event(rd_kafka_queue_poll(answers, kPatienceMs));
  if (!event) {
    throw std::runtime_error("Kafka does not answer");
  }
  check(rd_kafka_event_error(event.get()), rd_kafka_event_error_string(event.get()));
  return event;
}

rd_kafka_t* new_client(const std::string& brokers) {
  rd_kafka_conf_t* const conf = rd_kafka_conf_new();
  Text reason{};
  rd_kafka_conf_set(conf, "bootstrap.servers", brokers.c_str(), reason.data(), reason.size());
  rd_kafka_conf_set(conf, "reconnect.backoff.max.ms", "100", reason.data(), reason.size());
  rd_kafka_conf_set(conf, "log_level", "0", reason.data(), reason.size());
  rd_kafka_t* const client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason.data(), reason.size());
  if (client == nullptr) {
    throw std::runtime_error(reason.data());
  }
  return client;
}

}  // namespace

Admin::Admin(const std::string& brokers)
    : client_(new_client(brokers)), answers_(rd_kafka_queue_new(client_.get())) {}

void Admin::wait_until_ready() {
  const auto deadline = std::chrono::steady_clock::now() + 180s;
  const rd_kafka_metadata_t* metadata = nullptr;
  while (rd_kafka_metadata(client_.get(), 0, nullptr, &metadata, 200) !=
         RD_KAFKA_RESP_ERR_NO_ERROR) {
    if (std::chrono::steady_clock::now() > deadline) {
      throw std::runtime_error("Kafka did not start");
    }
  }
  rd_kafka_metadata_destroy(metadata);
}

void Admin::create_topic(const std::string& name, int partitions,
                         const std::map<std::string, std::string>& config) {
  Text reason{};
  const NewTopic topic(
      rd_kafka_NewTopic_new(name.c_str(), partitions, 1, reason.data(), reason.size()));
  for (const auto& [property, value] : config) {
    rd_kafka_NewTopic_set_config(topic.get(), property.c_str(), value.c_str());
  }
  std::array topics = {topic.get()};
  rd_kafka_CreateTopics(client_.get(), topics.data(), topics.size(), nullptr, answers_.get());
  const Event event = wait(answers_.get());
  std::size_t count = 0;
  const rd_kafka_topic_result_t** const results =
      rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event.get()), &count);
  check(rd_kafka_topic_result_error(results[0]), rd_kafka_topic_result_error_string(results[0]));
}

void Admin::delete_topic(const std::string& name) {
  const DeleteTopic topic(rd_kafka_DeleteTopic_new(name.c_str()));
  std::array topics = {topic.get()};
  rd_kafka_DeleteTopics(client_.get(), topics.data(), topics.size(), nullptr, answers_.get());
  const Event event = wait(answers_.get());
  std::size_t count = 0;
  const rd_kafka_topic_result_t** const results =
      rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event.get()), &count);
  check(rd_kafka_topic_result_error(results[0]), rd_kafka_topic_result_error_string(results[0]));
}

void Admin::delete_records(const std::string& topic, int partition, std::int64_t before) {
  const List list(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), partition)->offset = before;
  const DeleteRecords records(rd_kafka_DeleteRecords_new(list.get()));
  std::array all = {records.get()};
  rd_kafka_DeleteRecords(client_.get(), all.data(), all.size(), nullptr, answers_.get());
  const Event event = wait(answers_.get());
  check(rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(event.get()))
            ->elems[0]
            .err,
        nullptr);
}

void Admin::allow(const std::string& user, rd_kafka_AclOperation_t operation,
                  const std::string& names, rd_kafka_ResourceType_t resource) {
  Text reason{};
  const AclBinding acl(rd_kafka_AclBinding_new(
      resource, names.c_str(), RD_KAFKA_RESOURCE_PATTERN_PREFIXED, ("User:" + user).c_str(), "*",
      operation, RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW, reason.data(), reason.size()));
  std::array bindings = {acl.get()};
  rd_kafka_CreateAcls(client_.get(), bindings.data(), bindings.size(), nullptr, answers_.get());
  const Event event = wait(answers_.get());
  std::size_t count = 0;
  const rd_kafka_acl_result_t** const results =
      rd_kafka_CreateAcls_result_acls(rd_kafka_event_CreateAcls_result(event.get()), &count);
  const rd_kafka_error_t* const error = rd_kafka_acl_result_error(results[0]);
  check(rd_kafka_error_code(error), error == nullptr ? nullptr : rd_kafka_error_string(error));
}

}  // namespace ohip::test
