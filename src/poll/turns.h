#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/stop.h"

namespace ohip {

// When a queue is to be looked at, and how long after its last look that is.
struct Due {
  SteadyPoint time;
  Milliseconds interval;  // more than 0
};

// Whose turn is next, of some queues known by their numbers: the one that has been due for longest,
// measured by its interval. So, where more are due than can be served, all are late in proportion:
// those with events are served most often, and nobody is forgotten. A queue is with one worker at a
// time. Thread-safe.
class Turns {
 public:
  // When the queues are due first; those that are equally late in the order of their numbers.
  Turns(const std::vector<Due>& first, const Deadline& deadline, const Stop& stop);

  // Waits for a queue that is due. Nothing: the run is over, or no queue wants another turn.
  std::optional<std::size_t> next();

  // The queue has had its turn; it wants another one then, or none.
  void done(std::size_t queue, std::optional<Due> due);

 private:
  struct Turn {
    Due due;
    std::size_t asked;  // the how-manieth, to be fair among those that are equally late
    std::size_t queue;

    double lateness(SteadyPoint now) const;
  };

  bool over() const;
  std::vector<Turn>::iterator latest(SteadyPoint now);

  const Deadline& deadline_;
  const Stop& stop_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Turn> turns_;
  std::size_t asked_ = 0;
  std::size_t at_work_ = 0;
};

}  // namespace ohip
