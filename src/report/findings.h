#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "base/log.h"

namespace ohip {

// Problems and the queues that have them: a thousand hotels behind one dead broker are one line,
// but each possible loss and each file in quarantine is one of its own, with its request id.
class Findings {
 public:
  // All of a queue's, then all of the next one's.
  void add(const std::string& queue, const Error& error);

  // One line each, and the hint.
  void print(const Log& log) const;

 private:
  struct Finding {
    Error error;
    std::vector<std::string> queues;
  };

  std::vector<Finding> findings_;
};

}  // namespace ohip
