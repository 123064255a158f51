#include "base/roots.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "support/catch.h"
#include "support/temporary_directory.h"

namespace ohip::test {
namespace {

namespace fs = std::filesystem;

class System {
 public:
  System() {
    unsetenv("SSL_CERT_FILE");
    unsetenv("SSL_CERT_DIR");
  }
  ~System() {
    unsetenv("SSL_CERT_FILE");
    unsetenv("SSL_CERT_DIR");
  }
  System(const System&) = delete;
  System& operator=(const System&) = delete;

  void has(const std::string& file) const {
    fs::create_directories((root_ / file).parent_path());
    std::ofstream(root_ / file) << "root\n";
  }
  Roots roots() const { return system_roots(root_.path()); }
  fs::path path(const std::string& name) const { return root_ / name; }

 private:
  TemporaryDirectory root_;
};

}  // namespace

TEST_CASE("Debian's roots are a directory of hashed names and a bundle") {
  const System debian;
  debian.has("etc/ssl/certs/002c0b4f.0");
  debian.has("etc/ssl/certs/ca-certificates.crt");
  CHECK(debian.roots().directory == debian.path("etc/ssl/certs"));
  CHECK(debian.roots().bundle == debian.path("etc/ssl/certs/ca-certificates.crt"));
}

TEST_CASE("a directory of roots without hashed names is of no use") {
  const System alpine;
  alpine.has("etc/ssl/certs/ca-certificates.crt");
  alpine.has("etc/ssl/certs/some-root.pem");
  CHECK(alpine.roots().directory.empty());
  CHECK(alpine.roots().bundle == alpine.path("etc/ssl/certs/ca-certificates.crt"));
}

TEST_CASE("Oracle Linux's, SUSE's and Alpine's roots are a bundle") {
  const std::string bundle = GENERATE(
      "etc/pki/tls/certs/ca-bundle.crt", "etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
      "etc/ssl/ca-bundle.pem", "var/lib/ca-certificates/ca-bundle.pem", "etc/ssl/cert.pem");
  const System system;
  system.has(bundle);
  CHECK(system.roots().directory.empty());
  CHECK(system.roots().bundle == system.path(bundle));
}

TEST_CASE("a system without roots has none") {
  CHECK(System().roots().directory.empty());
  CHECK(System().roots().bundle.empty());
}

TEST_CASE("SSL_CERT_FILE counts in place of the system's roots") {
  const System debian;
  debian.has("etc/ssl/certs/002c0b4f.0");
  setenv("SSL_CERT_FILE", "/elsewhere/roots.pem", 1);
  CHECK(debian.roots().directory.empty());
  CHECK(debian.roots().bundle == "/elsewhere/roots.pem");
}

}  // namespace ohip::test
