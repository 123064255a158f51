#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace ohip {

// From now on, and for the whole process, masked() hides this text. An empty one is none.
// Thread-safe, as masked() is.
void keep_secret(std::string_view secret);

// What others say (gateways, proxies, brokers, libraries, file names), fit for a terminal, a log
// and a report. Each secret in it becomes "***": as it is, percent-encoded (more than once, too),
// escaped as in JSON, somewhere inside of a base64 text, or only its first twelve bytes or more.
// One of less than six bytes is hidden only where it is a word of its own. White space becomes one
// blank; other control characters, invisible ones and what is not UTF-8 are escaped. A text longer
// than that many bytes ends in "...".
std::string masked(std::string_view text, std::size_t longest = 300);

}  // namespace ohip
