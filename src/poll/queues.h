#pragma once

#include <vector>

#include "base/clock.h"
#include "config/config.h"
#include "poll/turns.h"
#include "spool/inventory.h"
#include "spool/queue.h"

namespace ohip {

// The configured queues, whether or not anything is known of them.
std::vector<QueueName> configured_queues(const Config& config);

// A queue of a run, and since when its first turn is due.
struct DueQueue {
  QueueName name;
  Due due;
};

// The queues of one run, in the order of their first turns: for --replay those of the named hotels,
// or all, and of the configured gateway, or all, that hold anything; else those configured. What
// waits in the spool first, then who has not been polled for longest, measured by its interval:
// where there are more queues than the pace allows in one run, the next run begins with the others.
// Throws Error kSpool.
std::vector<DueQueue> queues_in_order(const Config& config, const Clock& clock);

// What the spool holds of the named hotels, or of all. Throws Error kConfig where there is no
// spool: a person looks in the wrong place.
Inventory inventory_of(const Config& config);

}  // namespace ohip
