// ohip-stream, as users run it, between a simulated OHIP and librdkafka's mock cluster, which has
// no transactions: the profile for OCI Streaming. tests/kafka/cluster/ has the other one.

#include <algorithm>
#include <chrono>
#include <csignal>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "e2e/pushgateway.h"
#include "e2e/stream_world.h"
#include "e2e/terminal.h"
#include "support/catch.h"

namespace ohip::test {

TEST_CASE("without transactions a stream goes on where the last run ended, too") {
  StreamWorld world;
  world.add(200);
  for (const std::size_t count : {200U, 250U}) {
    const Result result = world.stream({"--drain", "--chain", kChain});
    INFO(result.err);
    CHECK(result.status == 0);
    CHECK(result.err.empty());
    CHECK(world.held().size() == count);
    CHECK(world.has_all());  // verbatim, and none twice
    world.add(50);
  }
}

TEST_CASE("what OHIP adds to a newEvent, and what it leaves out, is in its record as it is") {
  StreamWorld world;
  world.ohip.streaming().add(kChain, [](sim::Stream& stream) {
    for (
        const char* const event :
        {R"("moduleName":"RESERVATION","eventName":"NEW RESERVATION","primaryKey":7,)"
         R"("timestamp":"28-APR-24 06.18.59.028027 AM","hotelId":null,"detail":[{"elementName":)"
         R"("NAME","newValue":"O&apos;Neil","scopeFrom":null,"more":[{}]}],"dataValueMapping":[{}])",
         R"("moduleName":"PROFILE","eventName":"","extra":{"a":[null]})"}) {
      stream.add("{" + std::string(event) + "}", true, std::chrono::system_clock::now());
    }
  });
  const Result result = world.stream({"--drain", "--chain", kChain});
  INFO(result.err);
  CHECK(result.status == 0);
  CHECK(world.held().size() == 2);
  CHECK(world.has_all());
}

TEST_CASE("connection_init does not wait for the turn's end, which takes a second") {
  sim::Options options = StreamWorld::default_options();
  options.init_timeout = std::chrono::milliseconds(900);
  StreamWorld world(options);
  world.add(10);
  const Result result = world.stream({"--drain", "--chain", kChain});
  INFO(result.err);
  CHECK(result.status == 0);
  CHECK(world.ohip.streaming().stats().upgrades == 1);
}

TEST_CASE("a run at work is seen in its figures, also when the next one finds its lock") {
  StreamWorld world;
  world.environment["OHIP_METRICS_FILE"] = world.spool / "s.prom";
  world.add(20);
  const std::vector<std::string> command = {OHIP_STREAM_PROGRAM, "--run-for", "10m", "--chain",
                                            kChain};
  Process run(command, world.environment, world.spool / "out", world.spool / "err");
  const auto shows = [&](const std::string& line) {
    std::stringstream text;
    text << std::ifstream(world.spool / "s.prom").rdbuf();
    return text.str().find("\n" + line) != std::string::npos;
  };
  const std::string quiet = "ohip_stream_quiet_timestamp_seconds{file=\"s.prom\"} ";
  const std::string connected = "ohip_stream_connected{file=\"s.prom\"} ";
  // Quiet, as OHIP's next answer to a ping shows it.
  for (const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(90);
       !(shows(connected + "1") && shows(quiet) && !shows(quiet + "0")) &&
       std::chrono::steady_clock::now() < end;) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  CHECK_FALSE(shows(quiet + "0"));
  CHECK(world.stream({"--run-for", "10m", "--chain", kChain}).status == 0);  // the lock
  CHECK(shows(connected + "1"));
  CHECK_FALSE(shows("ohip_stream_runs_total{"));
  run.signal(SIGTERM);
  CHECK(run.wait() == 0);
  CHECK(shows(connected + "0"));
  CHECK(shows("ohip_stream_runs_total{file=\"s.prom\",status=\"0\"} 1"));
}

TEST_CASE("what OHIP would refuse is refused before any connection") {
  const StreamWorld world;
  CHECK(world.stream({"--drain", "--chain", "A\"B"}).status == 78);
  CHECK(world.stream({"--drain", "--chain", kChain, "--from", "12a"}).status == 78);
  CHECK(world.stream({"--drain", "--chain", kChain, "--from"}).status == 64);
  CHECK(world.stream({"--drain", "--chain", kChain, "--hotel", "ABC"}).status == 64);
  CHECK(world.ohip.streaming().stats().upgrades == 0);
}

TEST_CASE("an application that OHIP does not know is turned away at the upgrade") {
  StreamWorld world;
  world.environment["OHIP_STREAM_PATH"] = "/elsewhere";
  const Result result = world.stream({"--drain", "--chain", kChain});
  INFO(result.err);
  CHECK(result.status == 78);
}

TEST_CASE_METHOD(StreamWorld, "a stream's figures are pushed while it runs, and at its end") {
  const RealPushgateway gateway;
  environment["OHIP_PUSHGATEWAY_URL"] = gateway.url();
  const std::string labels =
      "{file=\"CHAIN\",instance=\"" + ohip.url() + "/CHAIN\",job=\"ohip-stream\"";
  add(3);
  Process process(command({"--run-for", "2m"}), environment, spool / "out", spool / "err");
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (gateway.figure("ohip_stream_connected" + labels + "}") != "1") {
    REQUIRE(std::chrono::steady_clock::now() < deadline);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  process.signal(SIGTERM);
  CHECK(process.wait() == 0);
  CHECK(gateway.figure("ohip_stream_connected" + labels + "}") == "0");
  CHECK(gateway.figure("ohip_stream_events_taken_total" + labels + "}") == "3");
  CHECK(gateway.figure("ohip_stream_runs_total" + labels + R"(,status="0"})") == "1");
}

TEST_CASE_METHOD(StreamWorld, "a Pushgateway that is not there is one warning of a stream's run") {
  environment["OHIP_PUSHGATEWAY_URL"] = "http://127.0.0.1:1";
  add(3);
  const Result result = stream({"--chain", kChain, "--drain"});
  CHECK(result.status == 0);
  CHECK(has_all());
  CHECK(result.err.starts_with("ohip-stream: warning: the metrics are not pushed: "));
  CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 1);
}

TEST_CASE_METHOD(StreamWorld, "a terminal sees a stream's progress and summary; Ctrl-C ends it") {
  environment["TERM"] = "xterm";
  add(3);
  Terminal terminal(command({"--run-for", "5m"}), environment);
  terminal.read_until("connected, 3 taken, 3 delivered");
  terminal.type("\x03");
  const Result result = terminal.wait();
  CAPTURE(result.out);
  CHECK(result.status == 0);
  CHECK(!progress(result.out).empty());
  CHECK(std::count(result.out.begin(), result.out.end(), '\n') == 1);
  CHECK(result.out.find(std::string(kErase) + "ohip-stream: info: chain CHAIN: 3 taken") !=
        std::string::npos);
  CHECK(result.out.ends_with("\r\n"));
}

}  // namespace ohip::test
