#include "http/route.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "http/easy.h"

namespace ohip {
namespace {

// Whether OpenSSL finds roots in libcurl's own directory of them.
bool has_hashed_roots() {
  const char* const directory = curl_version_info(CURLVERSION_NOW)->capath;
  if (directory == nullptr) {
    return false;
  }
  std::error_code failed;
  const std::filesystem::directory_iterator entries(directory, failed);
  return std::any_of(begin(entries), end(entries), [](const std::filesystem::path& path) {
    const std::string name = path.filename();
    return path.extension() == ".0" && name.find_first_not_of("0123456789abcdef") == 8;
  });
}

}  // namespace

void set_route(CURL* easy, const Route& route) {
  set(easy, CURLOPT_SSLVERSION, long{CURL_SSLVERSION_TLSv1_2});
  set(easy, CURLOPT_SSL_VERIFYPEER, 1L);
  set(easy, CURLOPT_SSL_VERIFYHOST, 2L);
  if (!route.ca_file.empty()) {
    set(easy, CURLOPT_CAINFO, route.ca_file.c_str());
    set(easy, CURLOPT_CAPATH, nullptr);
  } else if (has_hashed_roots()) {
    set(easy, CURLOPT_CAINFO, nullptr);
  }
  set(easy, CURLOPT_PROXY, route.proxy.c_str());
  set(easy, CURLOPT_NOPROXY, route.no_proxy.c_str());
}

bool add_roots(CURL* easy, const Route& route) {
  if (!route.ca_file.empty() || !has_hashed_roots()) {
    return false;
  }
  set(easy, CURLOPT_CAINFO, curl_version_info(CURLVERSION_NOW)->cainfo);
  return true;
}

}  // namespace ohip
