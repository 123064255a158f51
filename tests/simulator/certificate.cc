#include "simulator/certificate.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <stdexcept>

namespace ohip::sim {
namespace {

constexpr long kHour = 3600;

void require(bool success, const char* call) {
  if (!success) {
    throw std::runtime_error(std::string("libcrypto: ") + call + " failed");
  }
}

Key make_key() {
  Key key(EVP_EC_gen("P-256"));
  require(key != nullptr, "EVP_EC_gen");
  return key;
}

void add_extension(X509* certificate, X509* issuer, int nid, const char* value) {
  X509V3_CTX context{};
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const Handle<X509_EXTENSION, X509_EXTENSION_free> extension(
      X509V3_EXT_conf_nid(nullptr, &context, nid, value));
  require(extension && X509_add_ext(certificate, extension.get(), -1) == 1, "X509V3_EXT_conf_nid");
}

// Named, dated, with its public key; neither issued nor signed yet.
X509Certificate make_unsigned(const char* name, EVP_PKEY* key, long serial) {
  X509Certificate certificate(X509_new());
  require(certificate != nullptr, "X509_new");
  X509* const x509 = certificate.get();
  X509_set_version(x509, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(x509), serial);
  X509_gmtime_adj(X509_getm_notBefore(x509), -kHour);
  X509_gmtime_adj(X509_getm_notAfter(x509), 30L * 24 * kHour);
  require(X509_set_pubkey(x509, key) == 1, "X509_set_pubkey");
  // libcrypto wants UTF-8 as unsigned char.
  const auto* const text = reinterpret_cast<const unsigned char*>(name);
  require(X509_NAME_add_entry_by_NID(X509_get_subject_name(x509), NID_commonName, MBSTRING_UTF8,
                                     text, -1, -1, 0) == 1,
          "X509_NAME_add_entry_by_NID");
  return certificate;
}

void sign(X509* certificate, X509* issuer, EVP_PKEY* issuer_key) {
  require(X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) == 1 &&
              X509_sign(certificate, issuer_key, EVP_sha256()) > 0,
          "X509_sign");
}

std::string to_pem(X509* certificate) {
  const Handle<BIO, BIO_free_all> memory(BIO_new(BIO_s_mem()));
  require(memory && PEM_write_bio_X509(memory.get(), certificate) == 1, "PEM_write_bio_X509");
  std::string pem(BIO_ctrl_pending(memory.get()), '\0');
  require(BIO_read(memory.get(), pem.data(), static_cast<int>(pem.size())) > 0, "BIO_read");
  return pem;
}

}  // namespace

Certificate make_certificate() {
  const Key ca_key = make_key();
  const X509Certificate ca = make_unsigned("ohip-sim test authority", ca_key.get(), 1);
  add_extension(ca.get(), ca.get(), NID_basic_constraints, "critical,CA:TRUE");
  add_extension(ca.get(), ca.get(), NID_key_usage, "critical,keyCertSign,cRLSign");
  add_extension(ca.get(), ca.get(), NID_subject_key_identifier, "hash");
  sign(ca.get(), ca.get(), ca_key.get());

  Key key = make_key();
  X509Certificate server = make_unsigned("localhost", key.get(), 2);
  add_extension(server.get(), ca.get(), NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
  add_extension(server.get(), ca.get(), NID_ext_key_usage, "serverAuth");
  add_extension(server.get(), ca.get(), NID_authority_key_identifier, "keyid");
  sign(server.get(), ca.get(), ca_key.get());
  return {std::move(key), std::move(server), to_pem(ca.get())};
}

}  // namespace ohip::sim
