#pragma once

#include <librdkafka/rdkafka.h>

#include <map>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/log.h"
#include "kafka/consumer.h"
#include "kafka/group_offset.h"

namespace ohip {

// Asks for a group's position and commits it, as a consumer of the group that joins nothing and
// reads nothing. Not by librdkafka's admin calls for the same: the process dies of SIGSEGV when a
// coordinator answers them that it is none any more, or not yet (2.0.2; its issue 5040), and of
// SIGABRT when the answer comes behind their time (2.0.2; issue 4605). One thread at a time.
class GroupClient {
 public:
  // The properties are librdkafka's, of a client that has been let in. stable: ask() waits for open
  // transactions that have committed here. The log is kept. Throws Error kConfig.
  GroupClient(const std::map<std::string, std::string>& properties, GroupPlace place, bool stable,
              const Log& log);
  GroupClient(const GroupClient&) = delete;
  GroupClient& operator=(const GroupClient&) = delete;

  // Nothing: the group has never committed here, or Kafka has forgotten it
  // (offsets.retention.minutes after the last commit). An answer with an error is never taken for
  // that: it is asked again until the time is over. Throws Error kUnavailable, kRefused or kConfig.
  std::optional<GroupOffset> ask(Milliseconds patience);

  // Outside of a transaction; stored when it returns. Throws the same.
  void commit(const GroupOffset& offset, Milliseconds patience);

 private:
  bool forbidden();
  rd_kafka_resp_err_t ask_once(Milliseconds time, std::optional<GroupOffset>& found);
  rd_kafka_resp_err_t commit_once(const GroupOffset& offset, Milliseconds time);
  template <typename Try>
  void insist(Milliseconds patience, Try attempt);

  GroupPlace place_;
  KafkaConsumer consumer_;
};

}  // namespace ohip
