#pragma once

#include <librdkafka/rdkafka.h>

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "kafka/client.h"
#include "kafka/sink.h"

namespace ohip {

// Exactly once: records and position are in one transaction. The transactional id is the group's
// name; taking over fences whoever had it. Open transactions exist within commit() alone.
class TransactionalSink : public Sink {
 public:
  // The properties are librdkafka's, without transactional.id; the log is kept. Connects at once.
  // Throws Error kConfig.
  TransactionalSink(std::map<std::string, std::string> properties, GroupPlace place,
                    const Log& log);

  void check(const std::set<std::string>& topics) override;
  std::optional<GroupOffset> committed() override;
  std::optional<GroupOffset> take_over() override;
  void commit(std::span<const Record> records, const std::optional<GroupOffset>& position,
              const OnRefused& on_refused) override;

  // Of another group than this object's own.
  std::optional<GroupOffset> committed_by(const GroupPlace& place);

  // Whether a commit would be allowed: begins a transaction that holds only the position, and
  // aborts it. For an object of another transactional id than the one at work.
  void rehearse(const GroupPlace& place, const GroupOffset& position);

 private:
  enum class Outcome { kCommitted, kRefused, kFenced };
  struct Refusal {
    std::size_t index;
    std::string reason;
  };

  Outcome attempt(std::span<const Record> records, const std::optional<GroupOffset>& position);
  std::vector<Delivery> send(std::span<const Record> records);
  void put_aside(std::span<const Record> records, const std::optional<GroupOffset>& position,
                 const OnRefused& on_refused);
  std::vector<Refusal> culprits(std::span<const Record> records);
  bool came_through(const std::optional<GroupOffset>& position);

  std::optional<GroupOffset> position_of(const GroupPlace& place, bool stable) const;
  void renew();
  void init();
  void begin();
  Outcome store(const GroupPlace& place, const std::optional<GroupOffset>& position);
  void abort();
  bool is_fenced() const;

  std::map<std::string, std::string> properties_;
  GroupPlace place_;
  const Log& log_;
  std::unique_ptr<KafkaClient> client_;
  std::optional<GroupOffset> last_;  // what is committed, as far as this object knows
  std::vector<Refusal> refused_;     // by the attempt that ended with kRefused
  bool alone_ = false;               // the brokers refuse whole requests whose records are fine
  bool initialized_ = false;         // client_ is
  bool was_fenced_ = false;
};

}  // namespace ohip
