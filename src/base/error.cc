#include "base/error.h"

#include <algorithm>
#include <array>

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

std::string plural(std::size_t count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

}  // namespace ohip
