// ohip-stream with a server that nobody here wrote.

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "e2e/process.h"
#include "graphql-ws/server.h"
#include "support/catch.h"
#include "support/mock_kafka.h"
#include "support/temporary_directory.h"

namespace ohip::test {
namespace {

using namespace std::chrono_literals;

constexpr const char* kTopic = "ohip.business-events";
constexpr int kPartitions = 4;

// With each member that Oracle's schema has, in the order in which the program asks for them.
std::string event(int number) {
  return fmt::format(
      R"({{"metadata":{{"offset":"{}","uniqueEventId":"id {}"}},"moduleName":"RESERVATION",)"
      R"("eventName":"UPDATE RESERVATION","primaryKey":"{}",)"
      R"("timestamp":"28-APR-24 06.18.59.0 AM","hotelId":"ABC","publisherId":null,)"
      R"("actionInstanceId":"7","detail":[{{"oldValue":"","newValue":"Muñoz \"Z\" \\ \n",)"
      R"("elementName":"NAME","scopeFrom":null,"scopeTo":null,"elementSequence":null,)"
      R"("elementType":null,"elementRole":null}}]}})",
      100 + number, number, number % 7);
}

struct World {
  World() {
    kafka.create(kTopic, kPartitions);
    environment = {{"OHIP_GATEWAY_URL", ohip.url()},
                   {"OHIP_CA_FILE", ohip.ca_file()},
                   {"OHIP_APP_KEY", GraphqlWsServer::app_key()},
                   {"OHIP_CLIENT_ID", "client"},
                   {"OHIP_CLIENT_SECRET", "not looked at"},
                   {"OHIP_ENTERPRISE_ID", "CHAIN"},
                   {"OHIP_CHAIN", "CHAIN"},
                   {"OHIP_SPOOL_DIR", directory / "spool"},
                   {"KAFKA_BOOTSTRAP_SERVERS", kafka.bootstrap()},
                   {"KAFKA_PROFILE", "oci-streaming"},
                   {"KAFKA_SECURITY_PROTOCOL", "PLAINTEXT"}};
  }

  void add(int first, int count) const {
    std::string events;
    for (int i = first; i < first + count; ++i) {
      events += (events.empty() ? "[" : ",") + event(i);
    }
    ohip.add(events + "]");
  }

  std::size_t stored() const { return kafka.read(kTopic, kPartitions).size(); }

  // Offsets of OHIP's, sorted.
  std::vector<std::string> offsets() const {
    std::vector<std::string> offsets;
    for (const Stored& record : kafka.read(kTopic, kPartitions)) {
      for (const auto& [name, value] : record.headers) {
        if (name == "ce_ohipoffset") {
          offsets.push_back(value);
        }
      }
    }
    std::sort(offsets.begin(), offsets.end());
    return offsets;
  }

  GraphqlWsServer ohip;
  MockKafka kafka;
  TemporaryDirectory directory;
  Environment environment;
};

std::vector<std::string> all(int count) {
  std::vector<std::string> offsets;
  for (int i = 0; i < count; ++i) {
    offsets.push_back(std::to_string(100 + i));
  }
  return offsets;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

void wait_for(const std::function<bool()>& what) {
  for (const auto end = std::chrono::steady_clock::now() + 60s;
       !what() && std::chrono::steady_clock::now() < end;) {
    std::this_thread::sleep_for(50ms);
  }
  REQUIRE(what());
}

}  // namespace

TEST_CASE("ohip-stream goes on where graphql-ws broke the connection; each event comes once") {
  World world;
  world.add(0, 200);
  world.ohip.close_after(50, 1006);
  const Result result = run({OHIP_STREAM_PROGRAM, "--drain"}, world.environment);
  INFO(result.err);
  CHECK(result.status == 0);
  CHECK(world.offsets() == all(200));
  const std::string log = world.ohip.log();
  INFO(log);
  CHECK(
      contains(log, R"({"chainCode":"CHAIN","offset":"0"},{"chainCode":"CHAIN","offset":"149"}])"));
  CHECK(contains(log, R"("complete":1)"));
}

TEST_CASE("a second ohip-stream is turned away by graphql-ws, and the first one goes on") {
  World world;
  world.add(0, 10);
  Process first({OHIP_STREAM_PROGRAM, "--run-for", "10m"}, world.environment,
                world.directory / "out", world.directory / "err");
  wait_for([&] { return world.stored() == 10; });
  world.environment["OHIP_SPOOL_DIR"] = world.directory / "second";
  const Result second = run({OHIP_STREAM_PROGRAM, "--run-for", "15s"}, world.environment);
  INFO(second.err);
  CHECK(second.status == 69);
  CHECK(contains(second.err, "(4409): Another consumer is connected"));
  world.add(10, 10);
  wait_for([&] { return world.stored() == 20; });
  first.signal(SIGTERM);
  CHECK(first.wait() == 0);
  CHECK(world.offsets() == all(20));
  CHECK(contains(world.ohip.log(), R"("complete":1)"));
}

}  // namespace ohip::test
