#pragma once

#include <chrono>
#include <mutex>
#include <optional>

#include "base/clock.h"

namespace ohip {

// Spaces a run's requests to OHIP evenly, for all queues together, so that a gateway's limits (300
// polls a minute, 50 requests a second; Oracle's Integration Platform guide, "Limits") are never
// met in a burst. Turns are given in the order of asking. Thread-safe.
class Pace {
 public:
  // polls_per_minute: 0 for no limit of any kind.
  Pace(int polls_per_minute, Clock& clock, const Deadline& deadline);

  // Waits until the next request may leave. False: not within the run's time, or it was told to
  // stop.
  bool wait_for_turn();

  // A request was answered by 429: everybody waits as long as the gateway says (else a second,
  // doubling while it goes on), and is slower from then on.
  void slow_down(std::optional<std::chrono::seconds> retry_after);

  // A request was answered by something else: slowly back to the full pace.
  void speed_up();

 private:
  using Interval = std::chrono::microseconds;

  std::optional<SteadyPoint> next_turn();
  bool sleep_until(SteadyPoint turn);

  const Interval fastest_;
  Clock& clock_;
  const Deadline& deadline_;
  std::mutex mutex_;
  Interval interval_;
  SteadyPoint next_;
  SteadyPoint pause_end_;
  Milliseconds pause_;  // when the gateway does not say how long
};

}  // namespace ohip
