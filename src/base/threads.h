#pragma once

#include <cstddef>

namespace ohip {

// How many threads, up to that many, can be had at once beside those that there are: begins them
// and lets them end. The limits of users, of systemd and of containers all show so, and only so.
std::size_t threads_to_be_had(std::size_t wanted);

}  // namespace ohip
