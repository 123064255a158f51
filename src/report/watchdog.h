#pragma once

#include <future>
#include <string>

#include "base/error.h"
#include "base/log.h"
#include "config/config.h"

namespace ohip {

// Tells a watchdog over HTTP that a run began and how it ended (healthchecks.io's protocol,
// https://healthchecks.io/docs/http_api/): <url>/start, then <url>/<exit status>, both with
// one rid of their own, a UUID as the protocol wants it (a Function's run has Fn's id, which is
// none). Never fails a run, and delays it by a few seconds at most.
class Watchdog {
 public:
  // Without a url it does nothing. The log is kept.
  Watchdog(const Config& config, const Log& log);

  void run_began();
  void run_ended(ExitStatus status);

 private:
  void ping(const std::string& what) const;

  const Config& config_;
  const Log& log_;
  std::string rid_;
  std::future<void> start_;
};

}  // namespace ohip
