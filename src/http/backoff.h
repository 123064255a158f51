#pragma once

#include <optional>

#include "base/clock.h"
#include "http/client.h"

namespace ohip {

// How requests are repeated one by one: those that were never sent, and those for a token, of which
// any may be repeated. When a poll that was answered by 429 leaves again is for all polls together
// to say (Pace).

// Whether the request never reached the server, and may do so another time.
bool was_not_sent(const HttpResponse& response);

// The wait before try number attempt + 1, or nothing when there shall be none: the tries are used
// up, or the wait (Retry-After where the server gave one, else doubling from half a second) would
// not end within the time left. The caller decides first that another try is allowed at all.
std::optional<Milliseconds> backoff(const HttpResponse& response, int attempt, Milliseconds left);

// Waits as backoff() says. False when there shall be no other try, also because the run was told
// to stop while it waited.
bool wait_for_next_try(const HttpResponse& response, int attempt, Clock& clock,
                       const Deadline& deadline);

}  // namespace ohip
