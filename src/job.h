#pragma once

#include "clock.h"
#include "config.h"
#include "log.h"
#include "report.h"
#include "stop.h"

namespace ohip {

// One run over all queues of the configuration: what earlier runs left is published, then each
// queue is polled. What a person must hear of is on stderr on return, and in the report.
RunReport run_job(const Config& config, Clock& clock, const Stop& stop, const Log& log);

}  // namespace ohip
