#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>

#include "event/record.h"
#include "kafka/group_offset.h"

namespace ohip {

// Takes records together with the position behind them. One thread at a time.
class Sink {
 public:
  // Told of a record that Kafka can never store, before anything that lies behind it is committed:
  // its index, and why. Returns when it is safe elsewhere; what it throws ends the commit.
  using OnRefused = std::function<void(std::size_t index, const std::string& reason)>;

  virtual ~Sink() = default;

  // As Publisher::check(), for the topics of the records and for the position's.
  virtual void check(const std::set<std::string>& topics) = 0;

  // The position as committed; nothing: there is none. Waits for no open transaction, and so may be
  // a moment behind one that has just been committed.
  virtual std::optional<GroupOffset> committed() = 0;

  // From its return on nobody but this object commits here, and what others had open is settled;
  // returns the position after that. To be called before commit(), and again where it was out of
  // use meanwhile.
  virtual std::optional<GroupOffset> take_over() = 0;

  // Stores all records but those refused, in their order, and the position behind them, where there
  // is one: without it the committed one stays as it is. Throws Error: nothing of it is known to be
  // stored.
  virtual void commit(std::span<const Record> records, const std::optional<GroupOffset>& position,
                      const OnRefused& on_refused) = 0;
};

}  // namespace ohip
