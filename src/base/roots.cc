#include "base/roots.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string>
#include <system_error>

namespace ohip {
namespace {

namespace fs = std::filesystem;

constexpr std::array kDirectories = {
    "etc/ssl/certs",      // Debian, Alpine, SUSE
    "etc/pki/tls/certs",  // Red Hat, Oracle Linux
};

constexpr std::array kBundles = {
    "etc/ssl/certs/ca-certificates.crt",                 // Debian, Alpine
    "etc/pki/tls/certs/ca-bundle.crt",                   // Red Hat, Oracle Linux
    "etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  // the same, newer ones
    "etc/ssl/ca-bundle.pem",                             // SUSE
    "var/lib/ca-certificates/ca-bundle.pem",             // the same
    "etc/ssl/cert.pem",                                  // Alpine without ca-certificates
};

bool is_hashed(const fs::path& directory) {
  std::error_code failed;
  const fs::directory_iterator entries(directory, failed);
  return std::any_of(begin(entries), end(entries), [](const fs::path& path) {
    const std::string name = path.filename();
    return path.extension() == ".0" && name.find_first_not_of("0123456789abcdef") == 8;
  });
}

bool is_file(const fs::path& path) {
  std::error_code failed;
  return fs::is_regular_file(path, failed);
}

// The first that will do, or none.
template <typename Places, typename Predicate>
fs::path first(const fs::path& root, const Places& places, Predicate will_do) {
  for (const char* place : places) {
    if (fs::path path = root / place; will_do(path)) {
      return path;
    }
  }
  return {};
}

fs::path variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

Roots system_roots(const fs::path& root) {
  Roots named = {variable("SSL_CERT_DIR"), variable("SSL_CERT_FILE")};
  if (!named.directory.empty() || !named.bundle.empty()) {
    return named;
  }
  return {first(root, kDirectories, is_hashed), first(root, kBundles, is_file)};
}

}  // namespace ohip
