#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace ohip {

// The steps of --check, a line each on stdout; all of them are run: one visit mends everything.
class Checklist {
 public:
  // The step returns what it found, or throws Error. False: it failed.
  bool step(std::string_view name, const std::function<std::string()>& run);

  // The most serious one.
  ExitStatus status() const { return status_; }

 private:
  ExitStatus status_ = ExitStatus::kOk;
};

}  // namespace ohip
