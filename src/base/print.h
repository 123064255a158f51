#pragma once

#include <string_view>

#include "base/clock.h"

namespace ohip {

// Writes to a standard stream, which may be closed, a full disk, or a pipe that nobody empties.
// Waits for that long at most, and never throws. False: not all of it was taken, errno says why.
bool print(int stream, std::string_view text, Milliseconds patience) noexcept;

// To stdout; what is not taken is an Error kSoftware.
void print(std::string_view text);

}  // namespace ohip
