#include "config/url.h"

#include <arpa/inet.h>
#include <curl/curl.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/handle.h"
#include "base/text.h"

namespace ohip {
namespace {

constexpr const char* kSpelling =
    "special characters of its user name and password are spelled %XX (%2F for /, %23 for #, "
    "%3F for ?, %40 for @, %3A for :, %25 for %)";

class Url {
 public:
  explicit Url(const std::string& text, unsigned int flags = 0) : handle_(curl_url()) {
    check(
        curl_url_set(handle_.get(), CURLUPART_URL, text.c_str(), CURLU_NON_SUPPORT_SCHEME | flags));
  }

  std::string get(CURLUPart part, unsigned int flags = CURLU_NO_DEFAULT_PORT) const {
    char* text = nullptr;
    check(curl_url_get(handle_.get(), part, &text, flags));
    return Handle<char, curl_free>(text).get();
  }

  bool has(CURLUPart part) const {
    char* text = nullptr;
    const CURLUcode code = curl_url_get(handle_.get(), part, &text, 0);
    curl_free(text);
    return code == CURLUE_OK;
  }

  void set(CURLUPart part, const std::string& text) {
    check(curl_url_set(handle_.get(), part, text.c_str(), 0));
  }

 private:
  static void check(CURLUcode code) {
    if (code == CURLUE_BAD_SCHEME) {
      fail(ExitStatus::kConfig, "not a URL: it must begin with https://");
    }
    if (code != CURLUE_OK) {
      fail(ExitStatus::kConfig, "not a URL: {}", curl_url_strerror(code));
    }
  }

  Handle<CURLU, curl_url_cleanup> handle_;
};

bool is_loopback(const std::string& host) {
  in_addr address{};
  const bool ipv4 = inet_pton(AF_INET, host.c_str(), &address) == 1;
  return host == "localhost" || host == "[::1]" || (ipv4 && (ntohl(address.s_addr) >> 24) == 127);
}

void check_scheme(const std::string& scheme, const std::string& host) {
  if (scheme != "https" && !(scheme == "http" && is_loopback(host))) {
    fail(ExitStatus::kConfig, "{}:// to {}: must be https:// (http:// is for this machine only)",
         scheme, shown(host));
  }
}

std::string without_superfluous_slashes(std::string path) {
  const auto both_slashes = [](char a, char b) { return a == '/' && b == '/'; };
  path.erase(std::unique(path.begin(), path.end(), both_slashes), path.end());
  return path;
}

// libcurl's own reading of a proxy's text.
Url proxy_url(const std::string& text) {
  return Url(text, CURLU_GUESS_SCHEME);
}

}  // namespace

std::string parse_url(const std::string& text) {
  if (text.find_first_of("?#@") != std::string::npos) {
    fail(ExitStatus::kConfig, "must not hold user info, a query or a fragment");
  }
  Url url(text);
  const std::string host = lower_case(url.get(CURLUPART_HOST));
  check_scheme(url.get(CURLUPART_SCHEME), host);
  url.set(CURLUPART_HOST, host);
  url.set(CURLUPART_PATH, without_superfluous_slashes(url.get(CURLUPART_PATH)));
  std::string normal = url.get(CURLUPART_URL);
  while (normal.ends_with('/')) {
    normal.pop_back();
  }
  return normal;
}

std::string parse_pushgateway_url(const std::string& text) {
  const std::size_t path = text.find('/', text.find("://") + 3);
  if (text.find_first_of("?#") != std::string::npos ||
      text.find('@', std::min(path, text.size())) != std::string::npos) {
    fail(ExitStatus::kConfig, "must not hold a query or a fragment; {}", kSpelling);
  }
  try {
    const Url url(text);
    const std::string scheme = url.get(CURLUPART_SCHEME);
    if (scheme != "https" &&
        !(scheme == "http" && is_loopback(lower_case(url.get(CURLUPART_HOST))))) {
      fail(ExitStatus::kConfig, "must be https:// (http:// is for this machine only)");
    }
    std::string normal = url.get(CURLUPART_URL);
    normal.erase(normal.find_last_not_of('/') + 1);
    return normal;
  } catch (const Error& error) {
    fail(error.status(), "{}; {}", error.what(), kSpelling);
  }
}

std::string url_password(const std::string& url) {
  if (url.empty()) {
    return {};
  }
  const Url parts(url);
  for (const CURLUPart part : {CURLUPART_PASSWORD, CURLUPART_USER}) {
    if (parts.has(part)) {
      return parts.get(part, CURLU_URLDECODE);
    }
  }
  return {};
}

Gateway parse_gateway_url(const std::string& text) {
  constexpr std::string_view kUsual = "https://";
  const std::string url = parse_url(text);
  return {url, Url(url).get(CURLUPART_HOST),
          url.substr(url.starts_with(kUsual) ? kUsual.size() : 0)};
}

std::string parse_proxy(const std::string& text) {
  constexpr std::array kSchemes = {"http", "https", "socks4", "socks4a", "socks5", "socks5h"};
  if (text.empty()) {
    return text;
  }
  try {
    const Url url = proxy_url(text);
    const std::string scheme = lower_case(url.get(CURLUPART_SCHEME));
    if (std::find(kSchemes.begin(), kSchemes.end(), scheme) == kSchemes.end()) {
      fail(ExitStatus::kConfig, "a proxy is http, https, socks4, socks4a, socks5 or socks5h");
    }
    if (url.get(CURLUPART_PATH) != "/" || url.has(CURLUPART_QUERY) || url.has(CURLUPART_FRAGMENT)) {
      fail(ExitStatus::kConfig, "there is something behind the proxy's host and port");
    }
  } catch (const Error& error) {
    fail(error.status(), "{}; {}", error.what(), kSpelling);
  }
  return text;
}

std::string proxy_password(const std::string& proxy) {
  if (proxy.empty()) {
    return {};
  }
  const Url url = proxy_url(proxy);
  return url.has(CURLUPART_PASSWORD) ? url.get(CURLUPART_PASSWORD, CURLU_URLDECODE) : std::string();
}

}  // namespace ohip
