#pragma once

#include <librdkafka/rdkafka.h>

#include <map>
#include <string>
#include <vector>

#include "base/handle.h"
#include "event/record.h"

namespace ohip {

// librdkafka's objects, and how ours become theirs.

using KafkaConfiguration = Handle<rd_kafka_conf_t, rd_kafka_conf_destroy>;
using KafkaProducer = Handle<rd_kafka_t, rd_kafka_destroy>;
using KafkaTopic = Handle<rd_kafka_topic_t, rd_kafka_topic_destroy>;
using KafkaQueue = Handle<rd_kafka_queue_t, rd_kafka_queue_destroy>;
using KafkaMessage = Handle<rd_kafka_message_t, rd_kafka_message_destroy>;
using KafkaMetadata = Handle<const rd_kafka_metadata_t, rd_kafka_metadata_destroy>;
using KafkaPartitions =
    Handle<rd_kafka_topic_partition_list_t, rd_kafka_topic_partition_list_destroy>;
using KafkaHeaders = Handle<rd_kafka_headers_t, rd_kafka_headers_destroy>;
using KafkaError = Handle<rd_kafka_error_t, rd_kafka_error_destroy>;

// Throws Error kConfig for an unknown property or a value that librdkafka refuses.
KafkaConfiguration kafka_configuration(const std::map<std::string, std::string>& properties);

// A property's value in librdkafka's own spelling.
std::string property(const rd_kafka_conf_t* configuration, const char* name);

KafkaHeaders make_headers(const Record& record);

// Arguments of rd_kafka_produceva(), which copies the record and, when it succeeds, owns the
// headers. (Headers one by one it frees twice where the topic is known to fail: librdkafka 2.0.)
std::vector<rd_kafka_vu_t> produce_arguments(const Record& record, const std::string& payload,
                                             rd_kafka_topic_t* topic, rd_kafka_headers_t* headers,
                                             void* opaque);

}  // namespace ohip
