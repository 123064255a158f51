#pragma once

#include <functional>
#include <optional>

#include "event/batch.h"

namespace ohip {

class Spool;

// Where events come from.
class Source {
 public:
  virtual ~Source() = default;

  // Waits until the queue may be asked. False: not within the run's time.
  virtual bool wait_for_turn() = 0;

  // Takes one batch off the remote queue, or finds the queue empty. What is returned is already in
  // the spool, durable unless Batch::storage_error says otherwise. Throws Error: kPossibleLoss when
  // the queue was asked and no answer came; anything else when nothing was taken.
  //
  // permit is called when all is ready, before the first byte of the request leaves; what it throws
  // comes out of here, and nothing is taken.
  virtual std::optional<Batch> take(Spool& spool, const std::function<void()>& permit) = 0;
};

}  // namespace ohip
