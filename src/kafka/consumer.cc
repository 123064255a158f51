#include "kafka/consumer.h"

#include <array>
#include <cerrno>
#include <optional>

#include "base/error.h"
#include "kafka/types.h"

namespace ohip {

KafkaConsumer::KafkaConsumer(const std::map<std::string, std::string>& properties, const char* name,
                             const Log& log)
    : name_(name), log_(log), health_(Milliseconds::zero()) {
  KafkaConfiguration configuration = kafka_configuration(properties);
  rd_kafka_conf_set_opaque(configuration.get(), this);
  rd_kafka_conf_set_log_cb(configuration.get(), on_log);
  rd_kafka_conf_set_error_cb(configuration.get(), on_error);
  rd_kafka_conf_set_connect_cb(configuration.get(), on_connect);
  std::array<char, 512> reason{};
  kafka_.reset(rd_kafka_new(RD_KAFKA_CONSUMER, configuration.get(), reason.data(), reason.size()));
  if (!kafka_) {
    fail(ExitStatus::kConfig, "Kafka: {}", reason.data());
  }
  static_cast<void>(configuration.release());  // kafka_ owns it now
}

void KafkaConsumer::destroy(rd_kafka_t* kafka) {
  rd_kafka_destroy_flags(kafka, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

void KafkaConsumer::throw_if_lasting() {
  rd_kafka_poll(kafka_.get(), 0);
  if (const std::optional<Error> lasting = health_.lasting()) {
    throw Error(*lasting);
  }
}

void KafkaConsumer::on_error(rd_kafka_t* /*kafka*/, int code, const char* text, void* consumer) {
  static_cast<KafkaConsumer*>(consumer)->health_.failed(static_cast<rd_kafka_resp_err_t>(code),
                                                        text);
}

void KafkaConsumer::on_log(const rd_kafka_t* kafka, int /*level*/, const char* facility,
                           const char* text) {
  if (kafka != nullptr) {
    const auto& self = *static_cast<const KafkaConsumer*>(rd_kafka_opaque(kafka));
    self.log_.debug("kafka: {}: {}: {}", self.name_, facility, text);
  }
}

int KafkaConsumer::on_connect(int socket, const sockaddr* address, int length,
                              const char* /*broker*/, void* consumer) {
  if (static_cast<KafkaConsumer*>(consumer)->health_.lasting()) {
    return ECONNABORTED;
  }
  const int result = ::connect(socket, address, static_cast<socklen_t>(length));
  return result == 0 || errno == EINPROGRESS ? 0 : errno;
}

}  // namespace ohip
