// libFuzzer: whatever a token call is answered by, the token can stand in a header and ends.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string_view>

#include "ohip/access_token.h"
#include "require.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace std::chrono_literals;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const ohip::TimePoint now = std::chrono::sys_days(std::chrono::year(2026) / 11 / 23);
  static_cast<void>(ohip::jwt_expiry(text));
  static_cast<void>(ohip::read_token(text));
  const std::optional<ohip::AccessToken> token = ohip::parse_token_answer(text, now);
  if (!token) {
    return 0;
  }
  require(!token->value.empty());
  require(std::all_of(token->value.begin(), token->value.end(),
                      [](char c) { return c > ' ' && c < '\x7f'; }));
  require(token->obtained == now && token->renew_at <= now + 50min);
  const std::optional<ohip::AccessToken> kept = ohip::read_token(ohip::write_token(*token));
  require(kept && kept->value == token->value);
  return 0;
}
