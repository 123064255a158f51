#include "ohip/access_token.h"

#include <openssl/evp.h>
#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <cstdlib>
#include <vector>

namespace ohip {
namespace {

using namespace std::chrono_literals;
using std::chrono::microseconds;
using std::chrono::seconds;

// An object's members; none where the text is no object.
class JsonObject {
 public:
  explicit JsonObject(std::string_view text) {
    document_.Parse<rapidjson::kParseIterativeFlag>(text.data(), text.size());
  }

  const rapidjson::Value* find(const char* name) const {
    if (document_.HasParseError() || !document_.IsObject()) {
      return nullptr;
    }
    const auto found = document_.FindMember(name);
    return found == document_.MemberEnd() ? nullptr : &found->value;
  }

  std::string string(const char* name) const {
    const rapidjson::Value* value = find(name);
    return value != nullptr && value->IsString()
               ? std::string(value->GetString(), value->GetStringLength())
               : std::string();
  }

  std::optional<TimePoint> time(const char* name) const {
    const rapidjson::Value* value = find(name);
    return value != nullptr && value->IsInt64()
               ? std::optional(TimePoint(microseconds(value->GetInt64())))
               : std::nullopt;
  }

 private:
  rapidjson::Document document_;
};

// Nothing where it makes no sense as a number of seconds from now or from 1970.
std::optional<seconds> positive_seconds(double value) {
  constexpr double kMax = 1e11;
  return value >= 1 && value <= kMax ? std::optional(seconds(static_cast<std::int64_t>(value)))
                                     : std::nullopt;
}

std::optional<seconds> expires_in(const JsonObject& answer) {
  const rapidjson::Value* value = answer.find("expires_in");
  if (value == nullptr) {
    return std::nullopt;
  }
  if (value->IsString()) {
    return positive_seconds(std::strtod(value->GetString(), nullptr));
  }
  return value->IsNumber() ? positive_seconds(value->GetDouble()) : std::nullopt;
}

std::optional<TimePoint> expiry(const JsonObject& answer, std::string_view token, TimePoint now) {
  if (const std::optional<TimePoint> exp = jwt_expiry(token); exp && *exp > now) {
    return exp;
  }
  const std::optional<seconds> life = expires_in(answer);
  return life ? std::optional(now + *life) : std::nullopt;
}

TimePoint renewal(TimePoint now, std::optional<TimePoint> expiry) {
  constexpr microseconds kLongest = 50min, kMargin = 2min;
  if (!expiry) {
    return now + kLongest;
  }
  const microseconds margin = std::min(kMargin, (*expiry - now) / 4);
  return std::min(now + kLongest, *expiry - margin);
}

// It becomes part of a header.
bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return std::isgraph(static_cast<unsigned char>(c)) != 0;
  });
}

// Empty for what is not base64url.
std::string base64url_decode(std::string text) {
  std::replace(text.begin(), text.end(), '-', '+');
  std::replace(text.begin(), text.end(), '_', '/');
  const std::size_t padding = (4 - text.size() % 4) % 4;
  text.append(padding, '=');
  std::vector<unsigned char> bytes(text.size());
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): OpenSSL's bytes are unsigned
  const auto* input = reinterpret_cast<const unsigned char*>(text.data());
  const int size = EVP_DecodeBlock(bytes.data(), input, static_cast<int>(text.size()));
  if (size < static_cast<int>(padding)) {
    return {};
  }
  return {bytes.begin(), bytes.begin() + (size - static_cast<int>(padding))};
}

}  // namespace

std::optional<AccessToken> parse_token_answer(std::string_view body, TimePoint now) {
  const JsonObject answer(body);
  std::string token = answer.string("access_token");
  if (!is_token(token)) {
    return std::nullopt;
  }
  const TimePoint renew_at = renewal(now, expiry(answer, token, now));
  return AccessToken{std::move(token), now, renew_at};
}

std::optional<TimePoint> jwt_expiry(std::string_view token) {
  const std::size_t first = token.find('.');
  const std::size_t second = token.find('.', first + 1);
  if (first == std::string_view::npos || second == std::string_view::npos) {
    return std::nullopt;
  }
  const JsonObject claims(
      base64url_decode(std::string(token.substr(first + 1, second - first - 1))));
  const rapidjson::Value* exp = claims.find("exp");
  if (exp == nullptr || !exp->IsNumber()) {
    return std::nullopt;
  }
  const std::optional<seconds> since_1970 = positive_seconds(exp->GetDouble());
  return since_1970 ? std::optional(TimePoint(*since_1970)) : std::nullopt;
}

std::string write_token(const AccessToken& token) {
  rapidjson::StringBuffer text;
  rapidjson::Writer<rapidjson::StringBuffer> json(text);
  json.StartObject();
  json.Key("access_token");
  json.String(token.value.c_str());
  json.Key("obtained");
  json.Int64(token.obtained.time_since_epoch().count());
  json.Key("renew_at");
  json.Int64(token.renew_at.time_since_epoch().count());
  json.EndObject();
  return text.GetString();
}

std::optional<AccessToken> read_token(std::string_view text) {
  const JsonObject cached(text);
  AccessToken token{.value = cached.string("access_token"), .obtained = {}, .renew_at = {}};
  const std::optional<TimePoint> obtained = cached.time("obtained");
  const std::optional<TimePoint> renew_at = cached.time("renew_at");
  if (!is_token(token.value) || !obtained || !renew_at) {
    return std::nullopt;
  }
  token.obtained = *obtained;
  token.renew_at = *renew_at;
  return token;
}

}  // namespace ohip
