#pragma once

#include "base/clock.h"
#include "base/log.h"
#include "base/stop.h"
#include "config/config.h"
#include "report/report.h"

namespace ohip {

// One run over all queues of the configuration: what earlier runs left is published, then each
// queue is polled. What a person must hear of is on stderr on return, and in the report.
RunReport run_job(const Config& config, Clock& clock, const Stop& stop, const Log& log);

}  // namespace ohip
