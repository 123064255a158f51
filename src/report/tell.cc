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

}  // namespace ohip
