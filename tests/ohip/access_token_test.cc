#include "ohip/access_token.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <vector>

#include "support/catch.h"

using namespace ohip;
using namespace std::chrono_literals;

namespace {

const TimePoint kNow(std::chrono::seconds(1'795'460'825));

std::string base64url(const std::string& text) {
  std::vector<unsigned char> encoded(text.size() * 2 + 4);
  const int size = EVP_EncodeBlock(
      encoded.data(),
      // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): OpenSSL's bytes are unsigned
      reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  std::string result(encoded.begin(), encoded.begin() + size);
  std::replace(result.begin(), result.end(), '+', '-');
  std::replace(result.begin(), result.end(), '/', '_');
  return result.substr(0, result.find('='));
}

std::string jwt(const std::string& claims) {
  return "eyJhbGciOiJSUzI1NiJ9." + base64url(claims) + ".c2lnbmF0dXJl";
}

std::string jwt_that_expires(TimePoint time) {
  return jwt(
      fmt::format(R"({{"sub":"ÿþ?>","exp":{}}})",
                  std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count()));
}

// How long after kNow the token of this answer is renewed.
std::chrono::microseconds renewed_after(const std::string& token, const std::string& members) {
  const auto parsed =
      parse_token_answer(fmt::format(R"({{"access_token":"{}"{}}})", token, members), kNow);
  REQUIRE(parsed);
  CHECK(parsed->value == token);
  CHECK(parsed->obtained == kNow);
  return parsed->renew_at - kNow;
}

}  // namespace

TEST_CASE("an hour's token is renewed after 50 minutes") {
  CHECK(renewed_after("opaque", R"(,"expires_in":3600,"token_type":"Bearer")") == 50min);
  CHECK(renewed_after("opaque", R"(,"expires_in":86400)") == 50min);
  CHECK(renewed_after(jwt_that_expires(kNow + 1h), "") == 50min);
}

TEST_CASE("a shorter one is renewed 2 minutes before its end, a very short one after 3/4") {
  CHECK(renewed_after("opaque", R"(,"expires_in":1800)") == 28min);
  CHECK(renewed_after("opaque", R"(,"expires_in":480)") == 6min);
  CHECK(renewed_after("opaque", R"(,"expires_in":60)") == 45s);
  CHECK(renewed_after(jwt_that_expires(kNow + 30min), "") == 28min);
}

TEST_CASE("expires_in may be a number or a string; nonsense counts as absent") {
  CHECK(renewed_after("opaque", R"(,"expires_in":"1800")") == 28min);
  CHECK(renewed_after("opaque", R"(,"expires_in":1800.5)") == 28min);
  CHECK(renewed_after("opaque", "") == 50min);
  for (const char* nonsense : {"0", "-5", "null", "true", "{}", "[]", "1e300", R"("soon")", R"("")",
                               R"("-1")", R"("nan")", R"("inf")"}) {
    CAPTURE(nonsense);
    CHECK(renewed_after("opaque", fmt::format(R"(,"expires_in":{})", nonsense)) == 50min);
  }
}

TEST_CASE("a JWT's exp counts for more than expires_in, unless our clock says it is over") {
  CHECK(renewed_after(jwt_that_expires(kNow + 10min), R"(,"expires_in":3600)") == 8min);
  CHECK(renewed_after(jwt_that_expires(kNow - 10min), R"(,"expires_in":1800)") == 28min);
  CHECK(renewed_after(jwt_that_expires(kNow - 10min), "") == 50min);
}

TEST_CASE("the exp of a JWT is read as seconds since 1970") {
  CHECK(jwt_expiry(jwt(R"({"exp":1795460825})")) == kNow);
  CHECK(jwt_expiry(jwt(R"({"exp":1795460825.75})")) == kNow);
  CHECK(jwt_expiry(jwt(R"({"a":1,"exp":1795460825})")) == kNow);  // every length of padding
  CHECK(jwt_expiry(jwt(R"({"ab":1,"exp":1795460825})")) == kNow);
  CHECK(jwt_expiry(jwt(R"({"abc":1,"exp":1795460825})")) == kNow);
}

TEST_CASE("what has no sensible exp has none") {
  for (const char* claims : {"", "{}", "[]", "7", "not JSON", R"({"exp":-1})", R"({"exp":0})",
                             R"({"exp":1e300})", R"({"exp":99999999999999999999999})",
                             R"({"exp":"1795460825"})", R"({"exp":null})", R"({"exp":{}})"}) {
    CAPTURE(claims);
    CHECK(jwt_expiry(jwt(claims)) == std::nullopt);
  }
  CHECK(jwt_expiry(jwt(std::string(1'000'000, '['))) == std::nullopt);
  for (const char* token : {"", ".", "..", "...", "opaque", "a.b", "a.!!!.c", "a.=.c", "a.====.c",
                            "a.\xff\xff.c", "a.b.c", "a. .c"}) {
    CAPTURE(token);
    CHECK(jwt_expiry(token) == std::nullopt);
  }
}

TEST_CASE("an answer without a usable token has none") {
  for (const char* body :
       {"", "<html>", "[]", "null", "{}", R"({"access_token":null})", R"({"access_token":7})",
        R"({"access_token":""})", R"({"access_token":"a\r\nx-evil: 1"})",
        R"({"access_token":"a b"})", R"({"access_token":"a\u0000b"})",
        R"({"access_token":"\u00e9"})", R"({"access_token":"a")"}) {
    CAPTURE(body);
    CHECK_FALSE(parse_token_answer(body, kNow));
  }
}

TEST_CASE("a token is usable from when it was obtained until it is to be renewed") {
  const AccessToken token{.value = "t", .obtained = kNow, .renew_at = kNow + 50min};
  CHECK_FALSE(token.usable(kNow - 1us));
  CHECK(token.usable(kNow));
  CHECK(token.usable(kNow + 50min - 1us));
  CHECK_FALSE(token.usable(kNow + 50min));
}

TEST_CASE("a written token reads back, anything else reads as nothing") {
  const AccessToken token{.value = R"(a"\b)", .obtained = kNow, .renew_at = kNow + 50min};
  const std::string text = write_token(token);
  const auto read = read_token(text);
  REQUIRE(read);
  CHECK(read->value == token.value);
  CHECK(read->obtained == token.obtained);
  CHECK(read->renew_at == token.renew_at);
  for (std::size_t size = 0; size < text.size(); ++size) {
    CHECK_FALSE(read_token(text.substr(0, size)));
  }
  CHECK_FALSE(read_token(R"({"access_token":"a","obtained":1})"));
  CHECK_FALSE(read_token(R"({"access_token":"a\n","obtained":1,"renew_at":2})"));
  CHECK_FALSE(read_token(R"({"access_token":"a","obtained":"1","renew_at":2.5})"));
}
