#pragma once

#include <string>

namespace ohip {

// A random UUID (RFC 9562, version 4): the x-request-id under which Oracle finds a request.
std::string make_request_id();

}  // namespace ohip
