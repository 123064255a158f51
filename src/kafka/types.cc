#include "kafka/types.h"

#include <algorithm>
#include <array>
#include <chrono>

#include "base/error.h"

namespace ohip {
namespace {

using Text = std::array<char, 512>;

void set(rd_kafka_conf_t* configuration, const std::string& name, const std::string& value) {
  Text reason{};
  switch (
      rd_kafka_conf_set(configuration, name.c_str(), value.c_str(), reason.data(), reason.size())) {
    case RD_KAFKA_CONF_OK:
      return;
    case RD_KAFKA_CONF_UNKNOWN:
      fail(ExitStatus::kConfig, "Kafka: {}: librdkafka {} knows no such property", name,
           rd_kafka_version_str());
    default:  // names a wrong number or choice; a secret is neither
      fail(ExitStatus::kConfig, "Kafka: {}: {}", name, reason.data());
  }
}

rd_kafka_vu_t argument(rd_kafka_vtype_t type) {
  rd_kafka_vu_t argument{};
  argument.vtype = type;
  return argument;
}

// librdkafka copies what these point to.
rd_kafka_vu_t bytes(rd_kafka_vtype_t type, const std::string& content) {
  rd_kafka_vu_t bytes = argument(type);
  bytes.u.mem.ptr = const_cast<char*>(content.data());
  bytes.u.mem.size = content.size();
  return bytes;
}

// The clock was ahead when the record came and is right now: Kafka refuses what is an hour too
// late.
TimePoint not_in_the_future(TimePoint time) {
  return std::min(time, std::chrono::floor<TimePoint::duration>(std::chrono::system_clock::now()));
}

}  // namespace

KafkaConfiguration kafka_configuration(const std::map<std::string, std::string>& properties) {
  KafkaConfiguration configuration(rd_kafka_conf_new());
  for (const auto& [name, value] : properties) {
    set(configuration.get(), name, value);
  }
  set(configuration.get(), "delivery.report.only.error", "false");  // successes are waited for
  return configuration;
}

std::string property(const rd_kafka_conf_t* configuration, const char* name) {
  Text value{};
  std::size_t size = value.size();
  return rd_kafka_conf_get(configuration, name, value.data(), &size) == RD_KAFKA_CONF_OK
             ? value.data()
             : "";
}

KafkaHeaders make_headers(const Record& record) {
  KafkaHeaders headers(rd_kafka_headers_new(record.headers.size()));
  for (const auto& [name, value] : record.headers) {
    rd_kafka_header_add(headers.get(), name.data(), static_cast<ssize_t>(name.size()), value.data(),
                        static_cast<ssize_t>(value.size()));
  }
  return headers;
}

std::vector<rd_kafka_vu_t> produce_arguments(const Record& record, const std::string& payload,
                                             rd_kafka_topic_t* topic, rd_kafka_headers_t* headers,
                                             void* opaque) {
  std::vector<rd_kafka_vu_t> all = {
      argument(RD_KAFKA_VTYPE_RKT),          argument(RD_KAFKA_VTYPE_MSGFLAGS),
      argument(RD_KAFKA_VTYPE_TIMESTAMP),    argument(RD_KAFKA_VTYPE_OPAQUE),
      bytes(RD_KAFKA_VTYPE_KEY, record.key), bytes(RD_KAFKA_VTYPE_VALUE, payload),
      argument(RD_KAFKA_VTYPE_HEADERS)};
  all[0].u.rkt = topic;
  all[1].u.i = RD_KAFKA_MSG_F_COPY;
  all[2].u.i64 = std::chrono::floor<Milliseconds>(not_in_the_future(record.timestamp))
                     .time_since_epoch()
                     .count();
  all[3].u.ptr = opaque;
  all[6].u.headers = headers;
  return all;
}

}  // namespace ohip
