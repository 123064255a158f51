#pragma once

#include <functional>

#include "base/clock.h"
#include "base/log.h"
#include "base/stop.h"
#include "config/config.h"
#include "stream/stream_report.h"

namespace ohip {

// One run: from the position in Kafka on, what OHIP streams is written to Kafka. What a person must
// hear of is on stderr on return, and in the report. While it runs, show() is called with what it
// is at, every 15 seconds; it throws nothing and does not wait.
StreamReport run_stream_job(const Config& config, Clock& clock, const Stop& stop, const Log& log,
                            const std::function<void(const StreamReport&)>& show);

}  // namespace ohip
