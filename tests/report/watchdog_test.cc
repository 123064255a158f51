#include "report/watchdog.h"

#include <fstream>

#include "simulator/certificate.h"
#include "support/catch.h"
#include "support/scripted_server.h"
#include "support/temporary_directory.h"

using namespace ohip;
using namespace ohip::test;

namespace {

void ping(const Config& config) {
  const Log log(LogLevel::kError);
  Watchdog watchdog(config, log);
  watchdog.run_began();
  watchdog.run_ended(ExitStatus::kPending);
}

}  // namespace

TEST_CASE("a watchdog hears of the beginning and the end") {
  ScriptedServer server({answer("200 OK"), answer("200 OK")});
  Config config;
  config.ping_url = server.url() + "/key";
  ping(config);
  REQUIRE(server.requests().size() == 2);
  CHECK(server.requests().at(0).rfind("GET /key/start?rid=", 0) == 0);
  CHECK(server.requests().at(1).rfind("GET /key/75?rid=", 0) == 0);
}

TEST_CASE("what is not encrypted does not go to the proxy") {
  ScriptedServer proxy({});
  ScriptedServer server({answer("200 OK"), answer("200 OK")});
  Config config;
  config.ping_url = server.url();
  config.proxy = proxy.url();
  ping(config);
  CHECK(proxy.connections() == 0);
  CHECK(server.requests().size() == 2);
}

TEST_CASE("the gateway's roots do not make a watchdog trusted") {
  const TemporaryDirectory directory;
  const sim::Certificate made = sim::make_certificate();
  const Handle<SSL_CTX, SSL_CTX_free> tls(SSL_CTX_new(TLS_server_method()));
  SSL_CTX_use_certificate(tls.get(), made.certificate.get());
  SSL_CTX_use_PrivateKey(tls.get(), made.key.get());
  std::ofstream(directory / "ca.pem") << made.ca_pem;
  ScriptedServer server({}, tls.get());
  Config config;
  config.ping_url = server.url();
  config.ca_file = directory / "ca.pem";
  ping(config);
  CHECK(server.connections() >= 2);
  CHECK(server.requests().empty());
}

TEST_CASE("a password that the proxy refused is not offered for a watchdog's sake") {
  ScriptedServer proxy({answer("407 No"), answer("407 No"), answer("407 No")});
  Config config;
  config.ping_url = "https://watchdog.invalid";
  config.proxy = "http://user:secret@" + proxy.url().substr(7);
  ping(config);
  CHECK(proxy.requests().size() == 1);
}
