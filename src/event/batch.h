#pragma once

#include <string>

#include "base/clock.h"

namespace ohip {

// One answer of OHIP, verbatim.
struct Batch {
  std::string file;        // its name in the spool, with the extension
  std::string request_id;  // the x-request-id of the poll that brought it
  TimePoint received;
  std::string body;
  // Empty: the body is durable. Else why it is not, and memory holds the only whole copy.
  std::string storage_error;
};

}  // namespace ohip
