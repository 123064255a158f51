#pragma once

#include <librdkafka/rdkafka.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "kafka/publisher.h"

namespace ohip {

// What went wrong between librdkafka and a cluster, in a run's terms.
struct KafkaTrouble {
  Error error;
  bool lasting;              // trying again cannot help, and may lock an account
  std::string address = {};  // host:port of the broker, where it is one's
};

// Of an error callback.
KafkaTrouble connection_trouble(rd_kafka_resp_err_t code, std::string_view text);

// Of rd_kafka_fatal_error().
Error fatal_trouble(rd_kafka_resp_err_t code, std::string_view text);

// What a cluster's metadata, which may say anything, does not tell of a topic; nothing when each of
// its partitions has a leader with an address.
std::optional<KafkaTrouble> topic_trouble(const rd_kafka_metadata_t& answer,
                                          std::string_view topic);

struct PartitionLeader {
  std::int32_t partition;
  std::int32_t broker;
  std::string address;  // host:port
};

// Of a topic without trouble.
std::vector<PartitionLeader> partition_leaders(const rd_kafka_metadata_t& answer,
                                               std::string_view topic);

// Whether a broker has answered, be it with an error, or librdkafka tells that none has.
bool is_brokers_answer(rd_kafka_resp_err_t code);

// Of a record that asked whether its user may write to the topic; nothing when it may.
std::optional<Error> proof_trouble(const Delivery& delivery, std::string_view topic);

// Of a delivery report, or of produce() itself. The reason is empty when the code does not tell.
Delivery fate(rd_kafka_resp_err_t code, std::string_view topic);

}  // namespace ohip
