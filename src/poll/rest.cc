#include "poll/rest.h"

#include <algorithm>

namespace ohip {

Milliseconds wait_of(const Interval& interval, int times_empty) {
  Milliseconds wait = interval.shortest;
  for (int i = 0; i < times_empty && wait < interval.longest; ++i) {
    wait = std::min(2 * wait, interval.longest);
  }
  return wait;
}

Milliseconds rest_of(const Interval& interval, int times_empty, TimePoint last_polled,
                     TimePoint now) {
  if (!interval.adapts() || times_empty == 0 || last_polled > now) {
    return Milliseconds::zero();
  }
  const auto since = std::chrono::floor<Milliseconds>(now - last_polled);
  return std::max(wait_of(interval, times_empty) - since, Milliseconds::zero());
}

}  // namespace ohip
