#pragma once

#include "base/clock.h"
#include "config/config.h"
#include "base/log.h"
#include "report/report.h"
#include "base/stop.h"

namespace ohip {

// One run over all queues of the configuration: what earlier runs left is published, then each
// queue is polled. What a person must hear of is on stderr on return, and in the report.
RunReport run_job(const Config& config, Clock& clock, const Stop& stop, const Log& log);

}  // namespace ohip
