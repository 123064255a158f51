#pragma once

#include "base/file.h"

namespace ohip {

// What a thread that waits in poll(2) is woken by. Thread-safe; calls before the wait count, any
// number of them once.
class Wakeup {
 public:
  Wakeup();

  void raise() const;
  void clear() const;

  // Readable while raised: an eventfd(2), so that librdkafka can raise it too.
  int fd() const { return event_.get(); }

 private:
  UniqueFd event_;
};

}  // namespace ohip
