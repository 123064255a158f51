#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "event/record.h"
#include "kafka/tail.h"

namespace ohip {

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
  // What has to be known for a look.
  struct Wanted {
    std::set<std::string> topics;
    TimePoint since;     // the oldest time of receipt, or what stands for it
    TimePoint received;  // the newest
  };

  static Wanted wanted(std::span<const Record> records);
  std::vector<std::optional<KafkaTail::Place>> match(std::span<const Record> records) const;
  bool know(const Wanted& wanted, Milliseconds patience);

  const std::map<std::string, std::string> properties_;
  const Log& log_;
  std::mutex mutex_;
  std::map<std::string, KafkaTail> tails_;
  std::optional<TimePoint> since_;  // of all of them
  TimePoint read_;                  // when
  Milliseconds margin_;
  bool given_up_ = false;  // for this run
};

}  // namespace ohip
