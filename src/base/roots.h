#pragma once

#include <filesystem>

namespace ohip {

// Where this system keeps the root certificates that it trusts. A program that brings its own
// OpenSSL knows no such place.
struct Roots {
  std::filesystem::path directory;  // one file a root, named by the hash of its name; empty: none
  std::filesystem::path bundle;     // PEM file of all of them; empty: none
};

// SSL_CERT_FILE and SSL_CERT_DIR, as OpenSSL has them, count alone where one of them is set; else
// the places of Debian, Red Hat, SUSE and Alpine, below root ("/", but for tests).
Roots system_roots(const std::filesystem::path& root = "/");

}  // namespace ohip
