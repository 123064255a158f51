#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/log.h"
#include "config/config.h"
#include "http/route.h"

namespace ohip {

// One part of what tells about a run: the report, the metrics, a ping. Telling never decides:
// whatever it throws becomes a warning, "<what is not done>: why", and changes neither the run's
// status nor what else is told.
void tell(const Log& log, std::string_view what_is_not_done,
          const std::function<void()>& work) noexcept;

// The way to whom is told over HTTP: the system's roots, because the configured ones are the
// gateway's. The proxy is HTTPS_PROXY, which is not for what is not encrypted.
Route route_of_telling(const Config& config, const std::string& url);

}  // namespace ohip
