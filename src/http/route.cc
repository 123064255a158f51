#include "http/route.h"

#include "base/roots.h"
#include "http/easy.h"

namespace ohip {
namespace {

// Empty: none.
const char* text(const std::filesystem::path& path) {
  return path.empty() ? nullptr : path.c_str();
}

}  // namespace

void set_route(CURL* easy, const Route& route) {
  set(easy, CURLOPT_SSLVERSION, long{CURL_SSLVERSION_TLSv1_2});
  set(easy, CURLOPT_SSL_VERIFYPEER, 1L);
  set(easy, CURLOPT_SSL_VERIFYHOST, 2L);
  if (!route.ca_file.empty()) {
    set(easy, CURLOPT_CAINFO, route.ca_file.c_str());
    set(easy, CURLOPT_CAPATH, nullptr);
  } else {
    const Roots roots = system_roots();
    set(easy, CURLOPT_CAPATH, text(roots.directory));
    const bool bundle = route.all_roots || roots.directory.empty();
    set(easy, CURLOPT_CAINFO, bundle ? text(roots.bundle) : nullptr);
  }
  set(easy, CURLOPT_PROXY, route.proxy.c_str());
  set(easy, CURLOPT_NOPROXY, route.no_proxy.c_str());
}

bool add_roots(CURL* easy, Route& route) {
  const Roots roots = system_roots();
  if (route.all_roots || !route.ca_file.empty() || roots.directory.empty() ||
      roots.bundle.empty()) {
    return false;
  }
  route.all_roots = true;
  set(easy, CURLOPT_CAINFO, text(roots.bundle));
  return true;
}

bool is_untrusted(CURLcode code) {
  return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE ||
         code == CURLE_SSL_ISSUER_ERROR || code == CURLE_SSL_INVALIDCERTSTATUS;
}

}  // namespace ohip
