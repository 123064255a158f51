#pragma once

#include <cstddef>
#include <string>

#include "base/clock.h"

namespace ohip {

// Of one answer (Poll API specification, "limit").
inline constexpr std::size_t kMostEvents = 20;

// One answer of OHIP, verbatim.
struct Batch {
  std::string file;        // its name in the spool, with the extension
  std::string request_id;  // the x-request-id of the poll that brought it
  TimePoint received;
  std::string body;  // as it was sent, content codings and all
  // Empty: the body is durable. Else why it is not, and memory holds the only whole copy.
  std::string storage_error;
  bool whole = true;                    // its transfer ended as it should
  std::size_t asked_for = kMostEvents;  // events, at most
};

}  // namespace ohip
