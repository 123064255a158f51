#pragma once

#include <openssl/ssl.h>

#include <fstream>
#include <string>

#include "base/handle.h"
#include "simulator/certificate.h"
#include "support/temporary_directory.h"

namespace ohip::test {

// A TLS server's identity, which those trust who name its authority's file.
struct Identity {
  Identity() {
    SSL_CTX_use_certificate(context.get(), made.certificate.get());
    SSL_CTX_use_PrivateKey(context.get(), made.key.get());
    std::ofstream(ca_file) << made.ca_pem;
  }

  TemporaryDirectory directory;
  std::string ca_file = (directory / "ca.pem").string();
  sim::Certificate made = sim::make_certificate();
  Handle<SSL_CTX, SSL_CTX_free> context{SSL_CTX_new(TLS_server_method())};
};

}  // namespace ohip::test
