#pragma once

#include <librdkafka/rdkafka.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "event/record.h"

namespace ohip {

// Our records in a topic's newest part.
class KafkaTail {
 public:
  struct Place {
    std::int32_t partition = -1;
    std::int64_t offset = -1;
  };

  // Where records with this one's ce_requestid, ce_id and value lie, each partition in its order;
  // one that a person has mended has another value. Empty for a record without the two headers.
  const std::vector<Place>& places(const Record& record) const;

  // Notes a record of the topic, if it is one of ours. False: there are more than fit in memory.
  bool add(const rd_kafka_message_t& message);

 private:
  using Name = std::pair<std::string, std::size_t>;  // the headers, the value's hash

  std::map<Name, std::vector<Place>> places_;
  std::size_t count_ = 0;
};

// Reads topics from that time on up to what is their end now, and at least so many of each
// partition's last records, as a topic's times may be its broker's and a clock wrong. A consumer
// without a group, which needs Read on the topics, sees what every consumer may: also records whose
// transaction is open or aborted, which ours never are. Throws Error where it cannot, is not
// allowed to, or does not get to the end in time; the message says why. patience holds for all of
// it.
std::map<std::string, KafkaTail> read_tails(const std::map<std::string, std::string>& properties,
                                            const Log& log, const std::set<std::string>& topics,
                                            TimePoint since, std::int64_t at_least,
                                            Milliseconds patience);

// What one run knows of the tails of its topics: each is read when it is first asked for, and again
// when that is no longer enough. Thread-safe; one thread reads, the others wait for it.
class KafkaTails {
 public:
  KafkaTails(std::map<std::string, std::string> properties, const Log& log);

  struct Found {
    bool looked = false;                                  // else nobody could; the log says why
    std::vector<std::optional<KafkaTail::Place>> places;  // of each record
  };
  // Of records that are the same, as many are found as are there.
  Found look(std::span<const Record> records, Milliseconds patience);

  // What was read is out of date.
  void forget();

  // Empty when the topic can be read.
  std::string cannot_look(const std::string& topic, Milliseconds patience) const;

 private:
  std::vector<std::optional<KafkaTail::Place>> match(std::span<const Record> records) const;
  bool know(const std::set<std::string>& topics, TimePoint since, Milliseconds patience);

  const std::map<std::string, std::string> properties_;
  const Log& log_;
  std::mutex mutex_;
  std::map<std::string, KafkaTail> tails_;
  std::optional<TimePoint> since_;  // of all of them
  Milliseconds margin_;
  bool given_up_ = false;  // for this run
};

}  // namespace ohip
