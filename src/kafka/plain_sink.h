#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>

#include "base/log.h"
#include "kafka/group_client.h"
#include "kafka/publisher.h"
#include "kafka/sink.h"

namespace ohip {

// At least once, for clusters without transactions: the position is committed when all records are
// acknowledged. Fences nobody.
class PlainSink : public Sink {
 public:
  // The properties are librdkafka's; the log is kept.
  PlainSink(const std::map<std::string, std::string>& properties, GroupPlace place, const Log& log);

  void check(const std::set<std::string>& topics) override;
  std::optional<GroupOffset> committed() override;
  std::optional<GroupOffset> take_over() override;
  void commit(std::span<const Record> records, const std::optional<GroupOffset>& position,
              const OnRefused& on_refused) override;

 private:
  GroupClient& group();

  GroupPlace place_;
  KafkaPublisher publisher_;
  const Log& log_;
  std::map<std::string, std::string> properties_;
  std::unique_ptr<GroupClient> group_;
};

}  // namespace ohip
