#pragma once

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "config/config.h"

namespace ohip {

// Prints on stdout what the spool holds: batches that wait and what is in quarantine, of the named
// hotels or all, the oldest first, with ages and reasons; as a table or as one JSON object
// (documented in ohip-poll(1)). Nothing of what is in an answer. kSpool where a part of it could
// not be read, which is said. Throws Error kConfig where there is no spool.
ExitStatus list_spool(const Config& config, const Clock& clock, const Log& log);

}  // namespace ohip
