#include "base/error.h"

#include <algorithm>
#include <array>
#include <exception>
#include <new>

namespace ohip {

ExitStatus more_serious(ExitStatus a, ExitStatus b) {
  static constexpr std::array kBySeriousness = {ExitStatus::kPossibleLoss, ExitStatus::kSoftware,
                                                ExitStatus::kRefused,      ExitStatus::kConfig,
                                                ExitStatus::kUsage,        ExitStatus::kSpool,
                                                ExitStatus::kQuarantine,   ExitStatus::kPending,
                                                ExitStatus::kUnavailable,  ExitStatus::kOk};
  return *std::find_if(kBySeriousness.begin(), kBySeriousness.end(),
                       [&](ExitStatus status) { return status == a || status == b; });
}

Error current_error() {
  try {
    throw;
  } catch (const Error& error) {
    return error;
  } catch (const std::bad_alloc&) {
    return {ExitStatus::kSoftware, "there is no memory left",
            "what was taken stays in the spool; give the job more memory, or fewer --jobs"};
  } catch (const std::exception& e) {
    return {ExitStatus::kSoftware, fmt::format("internal error: {}", e.what()),
            "this is a bug: please report it; what was taken stays in the spool"};
  } catch (...) {
    return {ExitStatus::kSoftware, "internal error of an unknown kind",
            "this is a bug: please report it; what was taken stays in the spool"};
  }
}

std::string plural(std::size_t count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

}  // namespace ohip
