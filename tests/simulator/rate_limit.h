#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <optional>

namespace ohip::sim {

// Never more than so many requests in any stretch of time of the given length: the strictest
// reading of a limit.
class RateLimit {
 public:
  // requests 0: no limit.
  RateLimit(std::size_t requests, std::chrono::seconds period)
      : requests_(requests), period_(period) {}

  // Nothing when one more may pass now, else how long it is until one may.
  std::optional<std::chrono::steady_clock::duration> excess(
      std::chrono::steady_clock::time_point now);
  // A request passes.
  void count(std::chrono::steady_clock::time_point now);

 private:
  std::size_t requests_;
  std::chrono::seconds period_;
  std::deque<std::chrono::steady_clock::time_point> passed_;  // within the period
};

}  // namespace ohip::sim
