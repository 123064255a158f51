#include "faults/reader.h"

#include <poll.h>

#include <chrono>
#include <map>
#include <stdexcept>
#include <utility>

namespace ohip::faults {
namespace {

using Message = Handle<rd_kafka_message_t, rd_kafka_message_destroy>;
using List = Handle<rd_kafka_topic_partition_list_t, rd_kafka_topic_partition_list_destroy>;

constexpr int kSlice = 1'000;  // ms

// Of a Kafka that was broken on purpose, until it serves again.
class Deadline {
 public:
  void check() const {
    if (std::chrono::steady_clock::now() > end_) {
      throw std::runtime_error("Kafka does not serve what it holds");
    }
  }

 private:
  std::chrono::steady_clock::time_point end_ =
      std::chrono::steady_clock::now() + std::chrono::minutes(1);
};

rd_kafka_t* consumer(const std::string& brokers) {
  const std::map<std::string, std::string> properties = {
      {"bootstrap.servers", brokers}, {"group.id", "faults"},
      {"fetch.wait.max.ms", "5"},     {"fetch.error.backoff.ms", "5"},
      {"reconnect.backoff.ms", "10"}, {"reconnect.backoff.max.ms", "50"}};
  rd_kafka_conf_t* configuration = rd_kafka_conf_new();
  rd_kafka_conf_set_log_cb(configuration, nullptr);
  for (const auto& [name, value] : properties) {
    rd_kafka_conf_set(configuration, name.c_str(), value.c_str(), nullptr, 0);
  }
  return rd_kafka_new(RD_KAFKA_CONSUMER, configuration, nullptr, 0);
}

std::string text(const void* bytes, std::size_t size) {
  return {static_cast<const char*>(bytes), size};
}

}  // namespace

Reader::Reader(const std::string& brokers, std::string topic)
    : topic_(std::move(topic)), consumer_(consumer(brokers)) {
  const List list(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(list.get(), topic_.c_str(), 0)->offset =
      RD_KAFKA_OFFSET_BEGINNING;
  rd_kafka_assign(consumer_.get(), list.get());
}

Reader::~Reader() {
  rd_kafka_consumer_close(consumer_.get());
}

std::int64_t Reader::end() const {
  std::int64_t low = 0;
  std::int64_t high = 0;
  const Deadline deadline;
  while (rd_kafka_query_watermark_offsets(consumer_.get(), topic_.c_str(), 0, &low, &high,
                                          kSlice) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    deadline.check();
    ::poll(nullptr, 0, 10);
  }
  return high;
}

const std::vector<Stored>& Reader::read() {
  const std::int64_t all = end();
  for (const Deadline deadline; next_ < all;) {
    deadline.check();
    const Message message(rd_kafka_consumer_poll(consumer_.get(), kSlice));
    if (message && message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      Stored stored;
      stored.key = text(message->key, message->key_len);
      stored.value = text(message->payload, message->len);
      records_.push_back(std::move(stored));
      next_ = message->offset + 1;
    }
  }
  return records_;
}

}  // namespace ohip::faults
