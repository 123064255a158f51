#pragma once

#include <string>

#include "config/config.h"

namespace ohip {

// https, or http to this machine alone; no user info, query or fragment. The answer's slashes are
// in order. Throws Error kConfig "why", which repeats no more of the text than its host.
Gateway parse_gateway_url(const std::string& text);

}  // namespace ohip
