#include "report/tell.h"

#include "base/error.h"

namespace ohip {

void tell(const Log& log, std::string_view what_is_not_done,
          const std::function<void()>& work) noexcept {
  try {
    work();
  } catch (const std::exception& e) {
    log.warning("{}: {}", what_is_not_done, e.what());
  } catch (...) {
    log.warning("{}", what_is_not_done);
  }
}

Route route_of_telling(const Config& config, const std::string& url) {
  return {.ca_file = {},
          .proxy = url.starts_with("https:") ? config.proxy : std::string(),
          .no_proxy = config.no_proxy,
          .proxy_login = config.proxy_login};
}

}  // namespace ohip
