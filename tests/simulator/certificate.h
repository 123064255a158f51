#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <string>

#include "base/handle.h"

namespace ohip::sim {

using Key = Handle<EVP_PKEY, EVP_PKEY_free>;
using X509Certificate = Handle<X509, X509_free>;

// A server certificate for localhost and 127.0.0.1, and the PEM of the authority that signed it;
// both are new and unknown to everyone else.
struct Certificate {
  Key key;
  X509Certificate certificate;
  std::string ca_pem;
};

Certificate make_certificate();

}  // namespace ohip::sim
