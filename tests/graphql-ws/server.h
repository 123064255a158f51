#pragma once

#include <string>

#include "e2e/process.h"
#include "support/temporary_directory.h"

namespace ohip::test {

// OHIP's OAuth and Streaming API by graphql-ws, ws and graphql-js (see server.mjs), over TLS with
// an authority of its own; gone with the object. Only under tests/graphql-ws/suite.
class GraphqlWsServer {
 public:
  GraphqlWsServer();

  // A gateway's: OHIP_GATEWAY_URL, OHIP_CA_FILE, OHIP_APP_KEY. Credentials are not looked at.
  const std::string& url() const { return server_.where(); }
  std::string ca_file() const { return (directory_ / "ca.pem").string(); }
  static std::string app_key() { return "0d8f6c1e-5b7a-4c3d-9e2f-1a2b3c4d5e6f"; }

  std::string token() const;
  // newEvents in a JSON array; each needs an offset higher than the one before.
  void add(const std::string& events) const;
  // The next socket that has been sent so many more is closed with that code; 1006: it is broken.
  void close_after(int events, int code) const;
  // {"subscriptions":[{"chainCode":…,"offset":…}],"sent":[offset…],"received":{"ping":n…}}
  std::string log() const;

 private:
  std::string call(const std::string& method, const std::string& path,
                   const std::string& body = {}) const;

  TemporaryDirectory directory_;
  Server server_;
};

}  // namespace ohip::test
