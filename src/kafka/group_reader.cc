#include "kafka/group_reader.h"

#include <array>

#include "base/error.h"

namespace ohip {

GroupReader::GroupReader(const std::map<std::string, std::string>& properties,
                         const std::string& group, const Log& log)
    : log_(log) {
  std::map<std::string, std::string> all = properties;
  all["group.id"] = group;
  KafkaConfiguration configuration = kafka_configuration(all);
  rd_kafka_conf_set_opaque(configuration.get(), this);
  rd_kafka_conf_set_log_cb(configuration.get(), on_log);
  std::array<char, 512> reason{};
  consumer_.reset(
      rd_kafka_new(RD_KAFKA_CONSUMER, configuration.get(), reason.data(), reason.size()));
  if (!consumer_) {
    fail(ExitStatus::kConfig, "Kafka: {}", reason.data());
  }
  static_cast<void>(configuration.release());  // consumer_ owns it now
}

void GroupReader::on_log(const rd_kafka_t* kafka, int /*level*/, const char* facility,
                         const char* text) {
  if (kafka != nullptr) {
    static_cast<const GroupReader*>(rd_kafka_opaque(kafka))
        ->log_.debug("kafka: position: {}: {}", facility, text);
  }
}

// It has joined nothing that it would have to leave.
void GroupReader::destroy(rd_kafka_t* consumer) {
  rd_kafka_destroy_flags(consumer, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

std::optional<GroupOffset> GroupReader::read(const GroupPlace& place, bool stable,
                                             Milliseconds patience) const {
  return ask_group_offset(consumer_.get(), place, stable, patience);
}

}  // namespace ohip
