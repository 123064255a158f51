#pragma once

#include <librdkafka/rdkafka.h>
#include <sys/socket.h>

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "event/record.h"
#include "kafka/health.h"
#include "kafka/password_gate.h"
#include "kafka/publisher.h"
#include "kafka/readiness.h"
#include "kafka/types.h"

namespace ohip {

// Records on their way; outlives the call that sent them, should a report come late.
struct Sending {
  explicit Sending(std::size_t count) : fates(count), awaited(count) {}

  std::vector<Delivery> fates;
  std::size_t awaited;
};

// What a delivery report brings back to us; owned by librdkafka until then.
struct Slot {
  std::shared_ptr<Sending> sending;
  std::size_t index = 0;
};

// librdkafka's producer. It keeps the connections and retries by itself; its main queue is
// forwarded to its own background thread, so that errors and delivery reports reach us the moment
// they happen, whichever thread waits for them. Thread-safe.
class KafkaClient {
 public:
  // notes: see KafkaReadiness.
  KafkaClient(const std::map<std::string, std::string>& properties, const Log& log,
              Milliseconds fresh_for, const std::filesystem::path& notes = {});
  ~KafkaClient();
  KafkaClient(const KafkaClient&) = delete;
  KafkaClient& operator=(const KafkaClient&) = delete;

  // One thread at a time asks the cluster; those that waited for it take its answer.
  void check(const std::set<std::string>& topics);

  // Asks whether the topic exists and each of its partitions has a leader. Throws as check().
  void ask(const std::string& topic_name) { readiness_.ask_topic(topic_name); }

  // All at once; waits for their fates until the end.
  std::vector<Delivery> send(std::span<const Record> records, SteadyPoint end);

  // For what else librdkafka can do with a producer.
  rd_kafka_t* handle() const { return kafka_.get(); }
  rd_kafka_topic_t* topic(const std::string& name);  // null when it cannot be a topic's name

  // Throws what no further attempt of this client can mend.
  void throw_if_lasting();
  // Looks whether librdkafka has given the producer up, for KafkaHealth to know.
  void notice_death();
  // A broker has accepted the credentials.
  void was_let_in() { gate_.open(); }

 private:
  // Called by librdkafka from threads of its own.
  static void on_log(const rd_kafka_t* kafka, int level, const char* facility, const char* text);
  static int on_connect(int socket, const sockaddr* address, int length, const char* broker,
                        void* client);
  static int on_close(int socket, void* client);
  static void on_error(rd_kafka_t* kafka, int code, const char* text, void* client);
  static void on_delivery(rd_kafka_t* kafka, const rd_kafka_message_t* message, void* client);

  void listen(rd_kafka_conf_t* configuration);

  void produce(const Record& record, const Slot& slot, SteadyPoint end);
  rd_kafka_resp_err_t enqueue(const Record& record, const Slot& slot);
  void report(const Slot& slot, const Delivery& delivery, const std::string& topic_name);

  const Log& log_;
  KafkaHealth health_;
  PasswordGate gate_;

  std::mutex asking_;  // of what follows: one thread asks
  KafkaReadiness readiness_;
  std::set<std::string> asked_;   // what was asked last,
  std::optional<Error> refusal_;  // how it ended,
  std::atomic<int> askings_ = 0;  // and how often so far

  std::mutex mutex_;                 // of topics_ and of what is being sent
  std::condition_variable changed_;  // a report or an error came
  KafkaProducer kafka_;
  std::map<std::string, KafkaTopic> topics_;  // destroyed before kafka_, which would wait for them
};

}  // namespace ohip
