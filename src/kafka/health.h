#pragma once

#include <librdkafka/rdkafka.h>

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "kafka/publisher.h"

namespace ohip {

// What is known of a cluster from all that librdkafka reported so far. Thread-safe.
class KafkaHealth {
 public:
  explicit KafkaHealth(Milliseconds fresh_for) : fresh_for_(fresh_for) {}

  // What happened.
  void failed(rd_kafka_resp_err_t code, std::string_view text);  // an error callback
  void died(rd_kafka_resp_err_t code, std::string_view text);    // the producer, for ever
  void answered();                                               // any broker
  void reached_all();                                            // each broker that was asked
  void checked(const std::set<std::string>& topics);
  void delivered(std::string_view topic, const Delivery& delivery);
  void bar(std::string_view topic, const Error& error);  // a person must mend it first

  // Why the broker at host:port could not be reached, if it could not be when last tried.
  std::optional<Error> trouble_with(const std::string& address) const;

  // No further attempt in this run can help.
  std::optional<Error> lasting() const;

  // True when a successful check of all these topics is fresh. Throws what a person must mend.
  bool is_fresh(const std::set<std::string>& topics) const;

  // Throws when the wait for the cluster that began then has no hope: at once for what lasts, soon
  // when every broker refuses, later when there is silence.
  void throw_if_hopeless(SteadyPoint begin) const;

  // Why records are not acknowledged.
  Delivery undelivered() const;

 private:
  const Milliseconds fresh_for_;
  mutable std::mutex mutex_;
  std::optional<Error> lasting_;
  std::optional<Error> trouble_;              // the latest since anything worked
  std::map<std::string, Error> unreachable_;  // by host:port; librdkafka tells a reason once
  bool all_down_ = false;                     // since anything worked
  std::map<std::string, SteadyPoint, std::less<>> checked_;
  std::map<std::string, Error, std::less<>> barred_;
};

}  // namespace ohip
