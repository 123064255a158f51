#pragma once

#include <optional>

#include "batch.h"

namespace ohip {

class Spool;

// Where events come from.
class Source {
 public:
  virtual ~Source() = default;

  // Takes one batch off the remote queue, or finds the queue empty. What is returned is already in
  // the spool, durable unless Batch::storage_error says otherwise. Throws Error: kPossibleLoss when
  // the queue was asked and no answer came; anything else when nothing was taken.
  virtual std::optional<Batch> take(Spool& spool) = 0;
};

}  // namespace ohip
