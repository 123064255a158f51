#pragma once

#include "base/clock.h"

namespace ohip {

// SIGINT, SIGTERM and SIGHUP become a flag that is looked at between steps: a poll in flight is
// never aborted, because OHIP has already deleted what it is about to answer. A second signal
// changes nothing. A signal that is ignored, as under nohup or in a shell's background, stays so.
// At most one object of this class exists at a time.
class Stop {
 public:
  Stop();   // installs the signal handlers
  ~Stop();  // restores the earlier ones
  Stop(const Stop&) = delete;
  Stop& operator=(const Stop&) = delete;

  bool requested() const;

  // Returns after the duration, or as soon as a stop is requested.
  void wait(Milliseconds duration) const;

  // As the signals do.
  void request();
};

}  // namespace ohip
