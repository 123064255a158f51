#include "kafka/client.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/error.h"
#include "kafka/error.h"

namespace ohip {
namespace {

using Reason = std::array<char, 512>;

constexpr Milliseconds kSlice{50};    // after which a wait looks at what happened meanwhile
constexpr Milliseconds kHandOver{1};  // for librdkafka's threads to notice that all is there
constexpr Milliseconds kPurging{5'000};
constexpr int kEverything =
    RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING;

bool offers_password(const std::map<std::string, std::string>& properties) {
  const KafkaConfiguration configuration = kafka_configuration(properties);
  return property(configuration.get(), "security.protocol").starts_with("sasl");
}

}  // namespace

KafkaClient::KafkaClient(const std::map<std::string, std::string>& properties, const Log& log,
                         Milliseconds fresh_for, const std::filesystem::path& notes)
    : log_(log),
      health_(fresh_for),
      gate_(!offers_password(properties)),
      readiness_(*this, health_, log, properties, notes) {
  KafkaConfiguration configuration = kafka_configuration(properties);
  listen(configuration.get());
  Reason reason{};
  kafka_.reset(rd_kafka_new(RD_KAFKA_PRODUCER, configuration.get(), reason.data(), reason.size()));
  if (!kafka_) {
    fail(ExitStatus::kConfig, "Kafka: {}", reason.data());
  }
  static_cast<void>(configuration.release());  // kafka_ owns it now
  const KafkaQueue main(rd_kafka_queue_get_main(kafka_.get()));
  const KafkaQueue background(rd_kafka_queue_get_background(kafka_.get()));
  rd_kafka_queue_forward(main.get(), background.get());
}

KafkaClient::~KafkaClient() {
  gate_.open();  // librdkafka's threads may wait there
}

void KafkaClient::listen(rd_kafka_conf_t* configuration) {
  rd_kafka_conf_set_opaque(configuration, this);
  rd_kafka_conf_set_log_cb(configuration, on_log);
  rd_kafka_conf_set_connect_cb(configuration, on_connect);
  rd_kafka_conf_set_closesocket_cb(configuration, on_close);
  rd_kafka_conf_set_error_cb(configuration, on_error);
  rd_kafka_conf_set_dr_msg_cb(configuration, on_delivery);
}

// On stderr only when asked for: cron mails what is printed.
void KafkaClient::on_log(const rd_kafka_t* kafka, int /*level*/, const char* facility,
                         const char* text) {
  if (kafka != nullptr) {
    static_cast<const KafkaClient*>(rd_kafka_opaque(kafka))
        ->log_.debug("kafka: {}: {}", facility, text);
  }
}

// librdkafka would offer a refused password again and again, until the account is locked.
int KafkaClient::on_connect(int socket, const sockaddr* address, int length, const char* /*broker*/,
                            void* client) {
  auto& self = *static_cast<KafkaClient*>(client);
  if (!self.gate_.enter(socket) || self.health_.lasting()) {
    return ECONNABORTED;
  }
  const int result = ::connect(socket, address, static_cast<socklen_t>(length));
  return result == 0 || errno == EINPROGRESS ? 0 : errno;
}

int KafkaClient::on_close(int socket, void* client) {
  static_cast<KafkaClient*>(client)->gate_.leave(socket);
  return ::close(socket);
}

void KafkaClient::on_error(rd_kafka_t* /*kafka*/, int code, const char* text, void* client) {
  auto& self = *static_cast<KafkaClient*>(client);
  if (code == RD_KAFKA_RESP_ERR__FATAL) {
    self.notice_death();
  } else {
    self.health_.failed(static_cast<rd_kafka_resp_err_t>(code), text);
  }
  if (self.health_.lasting()) {
    self.gate_.refused();
  } else {
    self.gate_.failed();
  }
  const std::lock_guard lock(self.mutex_);
  self.changed_.notify_all();
}

void KafkaClient::notice_death() {
  Reason reason{};
  const rd_kafka_resp_err_t code = rd_kafka_fatal_error(kafka_.get(), reason.data(), reason.size());
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    health_.died(code, reason.data());
  }
}

void KafkaClient::on_delivery(rd_kafka_t* /*kafka*/, const rd_kafka_message_t* message,
                              void* client) {
  const std::unique_ptr<Slot> slot(static_cast<Slot*>(message->_private));
  const std::string topic_name = rd_kafka_topic_name(message->rkt);
  Delivery delivery = fate(message->err, topic_name);
  delivery.partition = message->partition;
  if (message->offset >= 0) {
    delivery.offset = message->offset;
  }
  static_cast<KafkaClient*>(client)->report(*slot, delivery, topic_name);
}

// Made once a run: for a topic that it has no handle of, librdkafka 2.0 waits up to a second.
rd_kafka_topic_t* KafkaClient::topic(const std::string& name) {
  const std::lock_guard lock(mutex_);
  KafkaTopic& topic = topics_[name];
  if (!topic && !name.empty()) {
    topic.reset(rd_kafka_topic_new(kafka_.get(), name.c_str(), nullptr));
  }
  return topic.get();  // null when the name cannot be a topic's
}

void KafkaClient::check(const std::set<std::string>& topics) {
  std::set<std::string> names = topics;
  names.insert(std::string());  // stands for the cluster itself
  if (health_.is_fresh(names)) {
    return;
  }
  const int askings = askings_;
  const std::lock_guard lock(asking_);
  if (health_.is_fresh(names)) {
    return;
  }
  if (askings != askings_ && asked_ == names && refusal_) {
    throw Error(*refusal_);
  }
  ++askings_;
  asked_ = names;
  try {
    refusal_.reset();
    readiness_.ask(topics);
    health_.checked(names);
  } catch (const Error& error) {
    refusal_ = error;
    throw;
  }
}

void KafkaClient::throw_if_lasting() {
  notice_death();
  if (const std::optional<Error> lasting = health_.lasting()) {
    throw Error(*lasting);
  }
}

std::vector<Delivery> KafkaClient::send(std::span<const Record> records, SteadyPoint end) {
  notice_death();
  const auto sending = std::make_shared<Sending>(records.size());
  for (std::size_t i = 0; i < records.size(); ++i) {
    produce(records[i], {sending, i}, end);
  }
  rd_kafka_flush(kafka_.get(), kHandOver.count());
  std::unique_lock lock(mutex_);
  const auto all_in = [&] { return sending->awaited == 0; };
  changed_.wait_until(lock, end, [&] { return all_in() || health_.lasting(); });
  if (!all_in()) {
    rd_kafka_purge(kafka_.get(), kEverything);
    changed_.wait_for(lock, kPurging, all_in);
  }
  for (Delivery& fate : sending->fates) {
    if (fate.state == Delivery::State::kUndelivered && fate.reason.empty()) {
      fate = health_.undelivered();
    }
  }
  return sending->fates;
}

void KafkaClient::produce(const Record& record, const Slot& slot, SteadyPoint end) {
  rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__MSG_TIMED_OUT;
  while (steady_now() < end && !health_.lasting()) {
    code = enqueue(record, slot);
    if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
      break;
    }
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kSlice);
  }
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    report(slot, fate(code, record.topic), record.topic);
  }
}

rd_kafka_resp_err_t KafkaClient::enqueue(const Record& record, const Slot& slot) {
  rd_kafka_topic_t* const handle = topic(record.topic);
  if (handle == nullptr) {
    return RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION;
  }
  auto opaque = std::make_unique<Slot>(slot);
  KafkaHeaders headers = make_headers(record);
  const std::string payload = record.payload();
  const std::vector<rd_kafka_vu_t> all =
      produce_arguments(record, payload, handle, headers.get(), opaque.get());
  const KafkaError error(rd_kafka_produceva(kafka_.get(), all.data(), all.size()));
  if (error) {
    return rd_kafka_error_code(error.get());
  }
  static_cast<void>(headers.release());  // to librdkafka
  static_cast<void>(opaque.release());   // to on_delivery()
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

void KafkaClient::report(const Slot& slot, const Delivery& delivery,
                         const std::string& topic_name) {
  health_.delivered(topic_name, delivery);
  const std::lock_guard lock(mutex_);
  slot.sending->fates[slot.index] = delivery;
  if (--slot.sending->awaited == 0) {
    changed_.notify_all();
  }
}

}  // namespace ohip
