#include "simulator/rate_limit.h"

namespace ohip::sim {

std::optional<std::chrono::steady_clock::duration> RateLimit::excess(
    std::chrono::steady_clock::time_point now) {
  while (!passed_.empty() && now - passed_.front() >= period_) {
    passed_.pop_front();
  }
  return requests_ == 0 || passed_.size() < requests_
             ? std::nullopt
             : std::optional(passed_.front() + period_ - now);
}

void RateLimit::count(std::chrono::steady_clock::time_point now) {
  if (requests_ > 0) {
    passed_.push_back(now);
  }
}

}  // namespace ohip::sim
