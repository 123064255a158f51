#include "report/watchdog.h"

#include <fmt/format.h>

#include "base/request_id.h"
#include "http/client.h"
#include "report/tell.h"

namespace ohip {
namespace {

using namespace std::chrono_literals;

constexpr Milliseconds kTimeout = 3s;

}  // namespace

Watchdog::Watchdog(const Config& config, const Log& log)
    : config_(config), log_(log), rid_(make_request_id()) {}

void Watchdog::run_began() {
  if (!config_.ping_url.empty()) {
    start_ = std::async(std::launch::async, [this] { ping("start"); });
  }
}

void Watchdog::run_ended(ExitStatus status) {
  if (!config_.ping_url.empty()) {
    if (start_.valid()) {
      start_.wait();
    }
    ping(std::to_string(static_cast<int>(status)));
  }
}

// The url is not logged: whoever has it can send false pings.
void Watchdog::ping(const std::string& what) const {
  try {
    CurlHttpClient http(route_of_telling(config_, config_.ping_url));
    HttpRequest request;
    request.url = fmt::format("{}/{}?rid={}", config_.ping_url, what, rid_);
    request.connect_timeout = kTimeout;
    request.answer_timeout = kTimeout;
    request.max_body = kMaxErrorBody;
    const HttpResponse response = http.send(request);
    if (!response.success()) {
      log_.info("the watchdog did not take the ping '{}': {}", what,
                response.status == 0 ? response.error : std::to_string(response.status));
    }
  } catch (const std::exception& e) {
    log_.info("the watchdog was not pinged: {}", e.what());
  }
}

}  // namespace ohip
