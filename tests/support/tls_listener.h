#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <csignal>
#include <string>

#include "base/handle.h"
#include "support/listener.h"

namespace ohip {

// A TLS port with a certificate of its own making, for this name. Says nothing more.
class TlsListener {
 public:
  explicit TlsListener(const std::string& name) {
    static_cast<void>(std::signal(SIGPIPE, SIG_IGN));  // clients hang up on us
    Handle<X509_NAME, X509_NAME_free> subject(X509_NAME_new());
    X509_NAME_add_entry_by_txt(subject.get(), "CN", MBSTRING_ASC,
                               // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast)
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    X509_set_version(certificate_.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate_.get()), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate_.get()), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate_.get()), 3600);
    X509_set_subject_name(certificate_.get(), subject.get());
    X509_set_issuer_name(certificate_.get(), subject.get());
    X509_set_pubkey(certificate_.get(), key_.get());
    X509_sign(certificate_.get(), key_.get(), EVP_sha256());
    SSL_CTX_use_certificate(context_.get(), certificate_.get());
    SSL_CTX_use_PrivateKey(context_.get(), key_.get());
  }

  std::string address() const { return listener_.address(); }

  // The certificate, for those who shall trust it.
  std::string pem() const {
    const Handle<BIO, BIO_free> memory(BIO_new(BIO_s_mem()));
    PEM_write_bio_X509(memory.get(), certificate_.get());
    std::string text(BIO_ctrl_pending(memory.get()), '\0');
    BIO_read(memory.get(), text.data(), static_cast<int>(text.size()));
    return text;
  }

 private:
  // Hangs up on what is no TLS handshake, as a broker does; OpenSSL may wait for more of it.
  void serve(int connection) {
    constexpr char kHandshake = 0x16;
    char first = 0;
    if (recv(connection, &first, 1, MSG_PEEK) != 1 || first != kHandshake) {
      return;
    }
    const Handle<SSL, SSL_free> ssl(SSL_new(context_.get()));
    SSL_set_fd(ssl.get(), connection);
    SSL_accept(ssl.get());
    char byte = 0;
    SSL_read(ssl.get(), &byte, 1);
  }

  Handle<EVP_PKEY, EVP_PKEY_free> key_{EVP_EC_gen("P-256")};
  Handle<X509, X509_free> certificate_{X509_new()};
  Handle<SSL_CTX, SSL_CTX_free> context_{SSL_CTX_new(TLS_server_method())};
  Listener listener_{[this](int connection) { serve(connection); }};
};

}  // namespace ohip
