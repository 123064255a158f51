#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace ohip {

struct AccessToken {
  std::string value;
  TimePoint obtained;
  // 50 minutes after obtained, or 2 minutes before it expires if that is earlier; a token that
  // lives for less than 8 minutes is used for three quarters of its life.
  TimePoint renew_at;

  // False also when the clock was set back to before it was obtained.
  bool usable(TimePoint now) const { return obtained <= now && now < renew_at; }
};

// The token in a 200 answer of /oauth/v1/tokens, or nothing. expires_in may be a number, a string
// or absent; a JWT's exp counts for more, unless our clock takes it for over already.
std::optional<AccessToken> parse_token_answer(std::string_view body, TimePoint now);

// The exp claim of a JWT, without verifying it (it is the server's business), or nothing.
std::optional<TimePoint> jwt_expiry(std::string_view token);

// As kept between runs. Reading finds nothing in what write_token() did not write.
std::string write_token(const AccessToken& token);
std::optional<AccessToken> read_token(std::string_view text);

}  // namespace ohip
