#include "http/target.h"

#include <curl/curl.h>

#include "base/handle.h"

namespace ohip {
namespace {

using Url = Handle<CURLU, curl_url_cleanup>;

// As libcurl itself would send it; empty when absent.
std::string part(const Url& url, CURLUPart which, unsigned int flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url.get(), which, &text, flags) != CURLUE_OK) {
    return {};
  }
  return Handle<char, curl_free>(text).get();
}

std::string after(const std::string& text, const char* mark) {
  return text.empty() ? text : mark + text;
}

}  // namespace

std::optional<Target> parse_target(const std::string& url) {
  const Url parsed(curl_url());
  if (!parsed || curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK) {
    return std::nullopt;
  }
  const std::string host = part(parsed, CURLUPART_HOST) +
                           after(part(parsed, CURLUPART_PORT, CURLU_NO_DEFAULT_PORT), ":");
  const std::string user = part(parsed, CURLUPART_USER, CURLU_URLDECODE);
  const std::string password = part(parsed, CURLUPART_PASSWORD, CURLU_URLDECODE);
  return Target{.origin = part(parsed, CURLUPART_SCHEME) + "://" + host,
                .host = host,
                .path = part(parsed, CURLUPART_PATH, CURLU_URLENCODE) +
                        after(part(parsed, CURLUPART_QUERY), "?"),
                .login = user.empty() && password.empty() ? "" : user + ":" + password};
}

}  // namespace ohip
