#pragma once

#include <functional>
#include <string_view>

#include "base/log.h"

namespace ohip {

// One part of what tells about a run: the report, the metrics, a ping. Telling never decides:
// whatever it throws becomes a warning, "<what is not done>: why", and changes neither the run's
// status nor what else is told.
void tell(const Log& log, std::string_view what_is_not_done,
          const std::function<void()>& work) noexcept;

}  // namespace ohip
