#pragma once

#include <cstdint>
#include <filesystem>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "event/record.h"

namespace ohip {

class KafkaClient;
class KafkaTails;

// In the spool's root: see KafkaPublisher.
inline constexpr const char* kKafkaNotes = ".kafka-unasked";

// A record's fate.
struct Delivery {
  enum class State {
    kAcknowledged,  // stored as acks= demands
    kRefused,       // this record can never be stored; others can
    kUndelivered,   // not known to be stored: try again later
  };
  State state = State::kUndelivered;
  // Of an undelivered record: kPending when trying again may help, kRefused or kConfig when a
  // person must act first.
  ExitStatus status = ExitStatus::kPending;
  std::string reason;  // "Kafka: …", without guest data; empty when acknowledged
  int code = 0;        // Kafka's or librdkafka's number for that reason
  // Where an acknowledged record lies, as far as the broker said.
  std::int32_t partition = -1;
  std::optional<std::int64_t> offset = std::nullopt;
  // Of publish_rest(), and acknowledged.
  bool already_there = false;  // an earlier run published it; not sent again
  bool perhaps_twice = false;  // sent without knowing whether an earlier run had
};

class Publisher {
 public:
  virtual ~Publisher() = default;

  // Asks whether records for these topics could be delivered now: the cluster is reachable, accepts
  // the credentials, knows the topics, and each of their partitions has a leader. Without topics
  // it asks for the cluster alone. Throws Error kUnavailable, kRefused or kConfig; what a person
  // must mend is thrown again, without another attempt, by every later call. Cheap while an
  // earlier answer is fresh.
  virtual void check(const std::set<std::string>& topics) = 0;

  // Returns when the fate of every record is known, in their order, at the latest shortly after
  // the patience is over; what is undelivered by then will not be delivered behind the caller's
  // back. Of one key the record that was stored last is the last one here.
  virtual std::vector<Delivery> publish(std::span<const Record> records, Milliseconds patience) = 0;

  // The same for records that an earlier run, or this one, may have published before: what can be
  // found of them is not sent again. Where nobody can look, all are: at least once.
  virtual std::vector<Delivery> publish_rest(std::span<const Record> records,
                                             Milliseconds patience) = 0;
};

// Apache Kafka and what speaks its protocol, by librdkafka. Thread-safe; when one thread's patience
// is over, what others have in flight is undelivered, too.
class KafkaPublisher : public Publisher {
 public:
  // Begins to connect; returns at once. The properties are librdkafka's; the log is kept. What
  // check() finds is fresh for that long. An unknown property or a value that librdkafka refuses is
  // an Error kConfig of every later call. notes: a file that remembers, from run to run, a cluster
  // that stores the question who may write; an empty path: nothing is remembered.
  KafkaPublisher(const std::map<std::string, std::string>& properties, const Log& log,
                 const std::filesystem::path& notes = {},
                 Milliseconds fresh_for = std::chrono::seconds(10));
  ~KafkaPublisher() override;

  void check(const std::set<std::string>& topics) override;
  std::vector<Delivery> publish(std::span<const Record> records, Milliseconds patience) override;
  // Looks where the records' topics end, for at most a third of the patience.
  std::vector<Delivery> publish_rest(std::span<const Record> records,
                                     Milliseconds patience) override;

  // Why that could not look into the topic; empty when it can.
  std::string cannot_look(const std::string& topic, Milliseconds patience);

 private:
  std::vector<Delivery> finish(std::span<const Record> records, std::vector<Delivery> fates,
                               SteadyPoint end);

  std::unique_ptr<KafkaTails> tails_;
  std::shared_future<std::unique_ptr<KafkaClient>> client_;  // made in a thread of its own
};

}  // namespace ohip
