#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <optional>
#include <queue>
#include <vector>

#include "base/clock.h"
#include "base/stop.h"

namespace ohip {

// Whose turn is next, of some queues known by their numbers: the one that has been due for longest.
// A queue is with one worker at a time. Thread-safe.
class Turns {
 public:
  // All are due at once, in the order of their numbers.
  Turns(std::size_t queues, const Deadline& deadline, const Stop& stop);

  // Waits for a queue that is due. Nothing: the run is over, or no queue wants another turn.
  std::optional<std::size_t> next();

  // The queue has had its turn; it wants another one then, or none.
  void done(std::size_t queue, std::optional<SteadyPoint> due);

 private:
  struct Turn {
    SteadyPoint due;
    std::size_t asked;  // the how-manieth, to be fair among those due at the same moment
    std::size_t queue;

    bool operator>(const Turn& other) const {
      return due != other.due ? due > other.due : asked > other.asked;
    }
  };

  bool over() const;

  const Deadline& deadline_;
  const Stop& stop_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::priority_queue<Turn, std::vector<Turn>, std::greater<>> turns_;
  std::size_t asked_ = 0;
  std::size_t at_work_ = 0;
};

}  // namespace ohip
