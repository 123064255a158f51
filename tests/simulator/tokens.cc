#include "simulator/tokens.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>

namespace ohip::sim {
namespace {

std::string base64(const std::string& bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const auto* const input = reinterpret_cast<const unsigned char*>(bytes.data());
  auto* const output = reinterpret_cast<unsigned char*>(text.data());
  text.resize(
      static_cast<std::size_t>(EVP_EncodeBlock(output, input, static_cast<int>(bytes.size()))));
  return text;
}

// For URLs and without padding, as JWTs have it.
std::string base64url(const std::string& bytes) {
  std::string text = base64(bytes);
  for (char& c : text) {
    c = c == '+' ? '-' : c == '/' ? '_' : c;
  }
  return text.substr(0, text.find('='));
}

Reply text_reply(int status, const std::string& body, const std::string& content_type) {
  Reply reply = bare(status);
  reply.body = body;
  reply.content_type = content_type;
  return reply;
}

Reply oauth_error(int status, const std::string& error, const std::string& description) {
  return text_reply(status,
                    fmt::format(R"({{"error":"{}","error_description":"{}"}})", error, description),
                    "application/json");
}

std::string get(const Parameters& form, const std::string& name) {
  const auto found = form.find(name);
  return found == form.end() ? std::string() : found->second;
}

// A version 4 UUID in lower case.
bool is_app_key(const std::string& text) {
  return is_uuid(text) && text[14] == '4' && text.find_first_of("ABCDEF") == std::string::npos;
}

bool is_enterprise_id(const std::string& text) {
  return !text.empty() && text.size() <= 8 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  });
}

}  // namespace

Reply Tokens::answer(const Request& request) {
  const Reply verdict = check(request);
  return verdict.status == 200 ? issue() : verdict;
}

Reply Tokens::check(const Request& request) const {
  if (request.method != "POST") {
    return bare(405);
  }
  if (request.header("content-type").rfind("application/x-www-form-urlencoded", 0) != 0) {
    return oauth_error(400, "invalid_request", "The body is no form");
  }
  if (!is_app_key(request.header("x-app-key"))) {
    return oauth_error(400, "invalid_request", "x-app-key is missing or malformed");
  }
  const std::string basic = "Basic " + base64(options_.client_id + ":" + options_.client_secret);
  if (request.header("authorization") != basic || request.header("x-app-key") != options_.app_key) {
    return oauth_error(401, "invalid_client", "Client authentication failed");
  }
  return check_grant(request, parse_parameters(request.body));
}

Reply Tokens::check_grant(const Request& request, const Parameters& form) const {
  const std::string grant = get(form, "grant_type");
  if (grant == "password") {
    const bool right =
        get(form, "username") == options_.username && get(form, "password") == options_.password;
    return right ? bare(200) : oauth_error(401, "invalid_grant", "[Wrong Password]");
  }
  if (grant != "client_credentials") {
    return bare(grant.empty() ? 400 : 401);  // seen of OHIP: a misspelt grant is a bare 401
  }
  if (!is_enterprise_id(request.header("enterpriseid"))) {
    return text_reply(400, "Enterprise ID is required", "text/plain");
  }
  const bool right = request.header("enterpriseid") == options_.enterprise_id &&
                     get(form, "scope") == options_.scope;
  return right ? bare(200) : oauth_error(401, "invalid_scope", "Enterprise or scope unknown");
}

Reply Tokens::issue() {
  const SystemTime now = std::chrono::system_clock::now();
  ++issued_;
  const std::string token = make_token(now);
  live_[token] = now + options_.token_lifetime;
  const auto seconds = options_.token_lifetime.count();
  const std::string expires_in = options_.expires_in == "absent" ? ""
                                 : options_.expires_in == "string"
                                     ? fmt::format(R"("expires_in":"{}",)", seconds)
                                     : fmt::format(R"("expires_in":{},)", seconds);
  return text_reply(200,
                    fmt::format(R"({{{}"token_type":"Bearer","oracle_tk_context":)"
                                R"("user_assertion","access_token":"{}"}})",
                                expires_in, token),
                    "application/json");
}

// Looks like a JWT; its audience is there for base64url's - and _. Nobody can verify its signature,
// and nobody but this server has to.
std::string Tokens::make_token(SystemTime now) const {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch());
  const std::string claims = fmt::format(
      R"({{"sub":"{}","jti":"{}","iat":{},"exp":{},"aud":["???","~~~~"]}})", options_.client_id,
      issued_, seconds.count(), (seconds + options_.token_lifetime).count());
  return fmt::format("{}.{}.{}", base64url(R"({"alg":"RS256","typ":"JWT"})"), base64url(claims),
                     base64url(fmt::format("signature of {} by ohip-sim", issued_)));
}

bool Tokens::accepts(const std::string& authorization) const {
  const std::string scheme = "Bearer ";
  if (authorization.rfind(scheme, 0) != 0) {
    return false;
  }
  const auto found = live_.find(authorization.substr(scheme.size()));
  return found != live_.end() && std::chrono::system_clock::now() < found->second;
}

}  // namespace ohip::sim
