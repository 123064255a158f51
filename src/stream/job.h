#pragma once

#include "base/clock.h"
#include "base/log.h"
#include "base/stop.h"
#include "config/config.h"
#include "stream/stream_report.h"

namespace ohip {

// One run: from the position in Kafka on, what OHIP streams is written to Kafka. What a person must
// hear of is on stderr on return, and in the report.
StreamReport run_stream_job(const Config& config, Clock& clock, const Stop& stop, const Log& log,
                            StreamMetrics& metrics);

}  // namespace ohip
