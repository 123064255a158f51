#pragma once

#include <librdkafka/rdkafka.h>

#include <cstdint>
#include <map>
#include <string>

#include "base/handle.h"

namespace ohip::test {

// Changes a cluster; each call returns when it is done, and throws when it is refused.
class Admin {
 public:
  explicit Admin(const std::string& brokers);

  void wait_until_ready();
  void create_topic(const std::string& name, int partitions,
                    const std::map<std::string, std::string>& config = {});
  // Returns when nothing is left of it: one of the same name can be made.
  void delete_topic(const std::string& name);
  // Those before that offset.
  void delete_records(const std::string& topic, int partition, std::int64_t before);
  // On the topics (or what else is named) whose names begin so.
  void allow(const std::string& user, rd_kafka_AclOperation_t operation, const std::string& names,
             rd_kafka_ResourceType_t resource = RD_KAFKA_RESOURCE_TOPIC);

 private:
  Handle<rd_kafka_t, rd_kafka_destroy> client_;
  Handle<rd_kafka_queue_t, rd_kafka_queue_destroy> answers_;
};

}  // namespace ohip::test
