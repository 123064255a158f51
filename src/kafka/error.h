#pragma once

#include <librdkafka/rdkafka.h>

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "kafka/publisher.h"

namespace ohip {

// What went wrong between librdkafka and a cluster, in a run's terms.
struct KafkaTrouble {
  Error error;
  bool lasting;  // trying again cannot help, and may lock an account
};

// Of an error callback.
KafkaTrouble connection_trouble(rd_kafka_resp_err_t code, std::string_view text);

// Of rd_kafka_fatal_error().
Error fatal_trouble(rd_kafka_resp_err_t code, std::string_view text);

// Of a topic in the cluster's metadata; nothing when each of its partitions has a leader.
std::optional<KafkaTrouble> topic_trouble(const rd_kafka_metadata_topic_t& topic);

// Of a record that asked whether its user may write to the topic; nothing when it may.
std::optional<Error> proof_trouble(const Delivery& delivery, std::string_view topic);

// Of a delivery report, or of produce() itself. The reason is empty when the code does not tell.
Delivery fate(rd_kafka_resp_err_t code, std::string_view topic);

}  // namespace ohip
