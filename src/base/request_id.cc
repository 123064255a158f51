#include "base/request_id.h"

#include <fmt/format.h>
#include <sys/random.h>

#include <array>
#include <cstdint>

#include "base/error.h"

namespace ohip {

std::string make_request_id() {
  std::array<std::uint16_t, 8> r{};
  if (getrandom(r.data(), sizeof r, 0) != sizeof r) {
    fail(ExitStatus::kSoftware, "getrandom failed");
  }
  const unsigned version = (r[3] & 0x0fffU) | 0x4000U;
  const unsigned variant = (r[4] & 0x3fffU) | 0x8000U;
  return fmt::format("{:04x}{:04x}-{:04x}-{:04x}-{:04x}-{:04x}{:04x}{:04x}", r[0], r[1], r[2],
                     version, variant, r[5], r[6], r[7]);
}

}  // namespace ohip
