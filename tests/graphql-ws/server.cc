#include "graphql-ws/server.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <rapidjson/document.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <vector>

#include "simulator/certificate.h"
#include "support/simulator_client.h"

namespace ohip::test {
namespace {

std::string variable(const char* name) {
  const char* const value = std::getenv(name);
  if (value == nullptr) {
    throw std::runtime_error(std::string(name) +
                             " is not set: start this with tests/graphql-ws/suite");
  }
  return value;
}

std::string content(BIO* memory) {
  std::string pem(BIO_ctrl_pending(memory), '\0');
  BIO_read(memory, pem.data(), static_cast<int>(pem.size()));
  return pem;
}

// Leaves ca.pem, certificate.pem and key.pem there; the command that needs them.
std::vector<std::string> prepare(const std::filesystem::path& directory) {
  const sim::Certificate certificate = sim::make_certificate();
  const Handle<BIO, BIO_free_all> certificate_pem(BIO_new(BIO_s_mem()));
  const Handle<BIO, BIO_free_all> key_pem(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(certificate_pem.get(), certificate.certificate.get());
  PEM_write_bio_PrivateKey(key_pem.get(), certificate.key.get(), nullptr, nullptr, 0, nullptr,
                           nullptr);
  std::ofstream(directory / "ca.pem") << certificate.ca_pem;
  std::ofstream(directory / "certificate.pem") << content(certificate_pem.get());
  std::ofstream(directory / "key.pem") << content(key_pem.get());
  return {variable("OHIP_POLL_NODE"),
          variable("OHIP_POLL_GRAPHQL_WS") + "/server.mjs",
          variable("OHIP_POLL_GRAPHQL_WS_SCHEMA"),
          directory / "certificate.pem",
          directory / "key.pem",
          GraphqlWsServer::app_key()};
}

}  // namespace

GraphqlWsServer::GraphqlWsServer() : server_(prepare(directory_.path()), directory_.path()) {}

std::string GraphqlWsServer::call(const std::string& method, const std::string& path,
                                  const std::string& body) const {
  CurlClient client;
  client.ca_file = ca_file();
  const Answer answer = client.send(method, url() + path, {}, body);
  if (answer.status != 200) {
    throw std::runtime_error(path + " was answered " + std::to_string(answer.status));
  }
  return answer.body;
}

std::string GraphqlWsServer::token() const {
  rapidjson::Document answer;
  answer.Parse(call("POST", "/oauth/v1/tokens", "grant_type=client_credentials").c_str());
  return answer["access_token"].GetString();
}

void GraphqlWsServer::add(const std::string& events) const {
  call("POST", "/control/events", events);
}

void GraphqlWsServer::close_after(int events, int code) const {
  call("POST", "/control/close?after=" + std::to_string(events) + "&code=" + std::to_string(code),
       "{}");
}

std::string GraphqlWsServer::log() const {
  return call("GET", "/control/log");
}

}  // namespace ohip::test
