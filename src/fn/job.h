#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "base/stop.h"
#include "config/command_line.h"
#include "config/config.h"
#include "fn/server.h"

namespace ohip {

// How a call's time is spent.
struct FnTimes {
  Milliseconds deadline;
  Milliseconds poll_timeout;
};

// Fn kills a container whose call is over time, and a poll in flight would be lost unsaid: whatever
// is begun before the deadline also ends within the time left. Nothing when that is too short.
std::optional<FnTimes> divide_time(Milliseconds left, Milliseconds poll_timeout);

// RFC 3339, in whole seconds; nothing for any other text.
std::optional<TimePoint> parse_rfc3339(const std::string& text);

// One call is one run of the job, configured by the process's own options and environment: but a
// drain if no mode is named, and with the call's deadline and its id. The answer is the report.
FnAnswer run_call(const FnCall& call, const Options& options, const Environment& environment,
                  Clock& clock, const Stop& stop);

}  // namespace ohip
