#include "config/url.h"

#include <arpa/inet.h>
#include <curl/curl.h>

#include <algorithm>

#include "base/error.h"
#include "base/handle.h"
#include "base/text.h"

namespace ohip {
namespace {

class Url {
 public:
  explicit Url(const std::string& text) : handle_(curl_url()) {
    check(curl_url_set(handle_.get(), CURLUPART_URL, text.c_str(), CURLU_NON_SUPPORT_SCHEME));
  }

  std::string get(CURLUPart part) const {
    char* text = nullptr;
    check(curl_url_get(handle_.get(), part, &text, CURLU_NO_DEFAULT_PORT));
    return Handle<char, curl_free>(text).get();
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

}  // namespace

Gateway parse_gateway_url(const std::string& text) {
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
  return {normal, host};
}

}  // namespace ohip
