#pragma once

#include <librdkafka/rdkafka.h>
//
#include <librdkafka/rdkafka_mock.h>

#include <chrono>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/handle.h"

namespace ohip {

// A record as a consumer sees it.
struct Stored {
  std::string key;
  std::string value;
  std::vector<std::pair<std::string, std::string>> headers;
  std::chrono::milliseconds timestamp{};
  int partition = 0;
};

// librdkafka's mock cluster: real brokers' protocol on loopback, ports from the system.
class MockKafka {
 public:
  static constexpr int kProduce = 0;
  static constexpr int kMetadata = 3;
  static constexpr int kInitProducerId = 22;

  explicit MockKafka(int brokers = 1)
      : owner_(client(RD_KAFKA_PRODUCER, {})),
        mock_(rd_kafka_mock_cluster_new(owner_.get(), brokers)) {}

  rd_kafka_mock_cluster_t* get() const { return mock_.get(); }
  std::string bootstrap() const { return rd_kafka_mock_cluster_bootstraps(mock_.get()); }

  void create(const char* topic, int partitions) {
    rd_kafka_mock_topic_create(mock_.get(), topic, partitions, 1);
  }

  // The next requests of this kind are answered so, one each.
  void answer(int api, const std::vector<rd_kafka_resp_err_t>& codes) {
    rd_kafka_mock_push_request_errors_array(mock_.get(), static_cast<std::int16_t>(api),
                                            codes.size(), codes.data());
  }

  // All that a topic holds, by partition and offset.
  std::vector<Stored> read(const char* topic, int partitions) const {
    const auto consumer = client(RD_KAFKA_CONSUMER, {{"bootstrap.servers", bootstrap()},
                                                     {"group.id", "test"},
                                                     {"enable.partition.eof", "true"},
                                                     {"fetch.wait.max.ms", "10"}});
    const List list(rd_kafka_topic_partition_list_new(partitions));
    for (int i = 0; i < partitions; ++i) {
      rd_kafka_topic_partition_list_add(list.get(), topic, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
    }
    rd_kafka_assign(consumer.get(), list.get());
    std::map<int, std::vector<Stored>> read;
    for (int ends = 0; ends < partitions;) {
      const Message message(rd_kafka_consumer_poll(consumer.get(), 100));
      if (message && message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        ++ends;
      } else if (message && message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        read[message->partition].push_back(stored(*message));
      }
    }
    rd_kafka_consumer_close(consumer.get());
    std::vector<Stored> all;
    for (auto& [partition, records] : read) {
      all.insert(all.end(), records.begin(), records.end());
    }
    return all;
  }

 private:
  using Client = Handle<rd_kafka_t, rd_kafka_destroy>;
  using Message = Handle<rd_kafka_message_t, rd_kafka_message_destroy>;
  using List = Handle<rd_kafka_topic_partition_list_t, rd_kafka_topic_partition_list_destroy>;

  static Client client(rd_kafka_type_t type, const std::map<std::string, std::string>& properties) {
    rd_kafka_conf_t* configuration = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(configuration, nullptr);
    for (const auto& [name, value] : properties) {
      rd_kafka_conf_set(configuration, name.c_str(), value.c_str(), nullptr, 0);
    }
    return Client(rd_kafka_new(type, configuration, nullptr, 0));
  }

  static std::string text(const void* bytes, std::size_t size) {
    return {static_cast<const char*>(bytes), size};
  }

  static Stored stored(const rd_kafka_message_t& message) {
    Stored stored;
    stored.key = text(message.key, message.key_len);
    stored.value = text(message.payload, message.len);
    stored.timestamp = std::chrono::milliseconds(rd_kafka_message_timestamp(&message, nullptr));
    stored.partition = message.partition;
    rd_kafka_headers_t* headers = nullptr;
    rd_kafka_message_headers(&message, &headers);
    const char* name = nullptr;
    const void* value = nullptr;
    std::size_t size = 0;
    for (std::size_t i = 0;
         headers != nullptr && rd_kafka_header_get_all(headers, i, &name, &value, &size) == 0;
         ++i) {
      stored.headers.emplace_back(name, text(value, size));
    }
    return stored;
  }

  Client owner_;
  Handle<rd_kafka_mock_cluster_t, rd_kafka_mock_cluster_destroy> mock_;
};

}  // namespace ohip
