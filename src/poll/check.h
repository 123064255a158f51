#pragma once

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "config/config.h"

namespace ohip {

// --check: tries everything that a run needs before it takes an event, prints a line a step on
// stdout, and takes none. Returns what the most serious failure means.
ExitStatus check(const Config& config, Clock& clock, const Log& log);

}  // namespace ohip
