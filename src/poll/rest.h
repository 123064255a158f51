#pragma once

#include "base/clock.h"
#include "config/config.h"

namespace ohip {

// How long a queue is left alone that was found empty so many times in a row: the shortest
// interval, doubled each time, up to the longest. Where the interval does not adapt, that.
Milliseconds wait_of(const Interval& interval, int times_empty);

// How long a queue may still be left alone that was found empty so many times in a row, and last
// polled then, be it by an earlier run: never longer than its wait. Nothing where its last poll had
// events or trouble, or where it lies ahead, because the clock was wrong, then or now.
Milliseconds rest_of(const Interval& interval, int times_empty, TimePoint last_polled,
                     TimePoint now);

}  // namespace ohip
