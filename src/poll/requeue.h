#pragma once

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/stop.h"
#include "config/config.h"

namespace ohip {

// Puts the files in quarantine that config.requeue names, or all, back into their queues, for
// --replay or the next run, and says so on stdout. A single event becomes an answer that holds it.
// What could not be published stays where it is, untouched, and is told: kQuarantine.
//
// Killed at any moment, each event is in the spool or in the quarantine, whole, and in one of them
// only; a reason may be left alone. Nothing is ever overwritten: what goes back gets a name of its
// own, a few microseconds later, so that a second quarantining has files of its own. Done by root,
// the files belong to the owner of the queue's directory afterwards.
//
// A queue is locked meanwhile; where a run holds it, it is waited for until the deadline. Throws
// Error kUsage for a file that is not in the spool's quarantine, kConfig where there is no spool.
ExitStatus requeue(const Config& config, Clock& clock, const Stop& stop, const Log& log);

}  // namespace ohip
