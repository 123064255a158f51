#pragma once

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "config/config.h"

namespace ohip {

// Tries, step by step on stdout, everything that a run needs: configuration, spool, token, web
// socket, Kafka, topic, position, transactions; and which right lacks. Subscribes to nothing and
// disturbs no run that is at work. The most serious step's status.
ExitStatus check_stream(const Config& config, Clock& clock, const Log& log);

}  // namespace ohip
