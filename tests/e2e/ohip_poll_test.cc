// The real binary between OHIP and Kafka on real sockets.

#include <fmt/format.h>
#include <sys/mount.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "e2e/world.h"
#include "simulator/simulator.h"
#include "spool/queue.h"
#include "support/catch.h"
#include "support/mock_kafka.h"
#include "support/temporary_directory.h"

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using namespace ohip::test;
using ohip::MockKafka;
using ohip::Stored;
using ohip::sim::parse_fault;
using ohip::sim::Simulator;

namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::string header(const Stored& record, const std::string& name) {
  for (const auto& [key, value] : record.headers) {
    if (key == name) {
      return value;
    }
  }
  return "(absent)";
}

}  // namespace

TEST_CASE_METHOD(World, "twenty events leave OHIP and arrive in Kafka byte for byte, in silence") {
  ohip.enqueue("ABC", 20);
  const Result result = poll();
  CHECK(result.status == 0);
  CHECK(result.out.empty());
  CHECK(result.err.empty());
  CHECK(values().size() == 20);
  CHECK(values() == handed_out());
  CHECK(spool_is_empty());
}

TEST_CASE_METHOD(World, "a record has the key, the headers and the time that consumers rely on") {
  ohip.enqueue_event("ABC",
                     R"({"businessEvent":{"header":{"moduleName":"Reservation",)"
                     R"("actionType":"UPDATE RESERVATION","primaryKey":"919074",)"
                     R"("createdDateTime":"2021-07-08 11:15:38.0","hotelId":"ABC"},"details":[]},)"
                     R"("businessEventId":{"id":"2130690"}})");
  REQUIRE(poll().status == 0);
  REQUIRE(records().size() == 1);
  const Stored record = records()[0];
  CHECK(record.key == "ABC/reservation/919074");
  CHECK(header(record, "content-type") == "application/json");
  CHECK(header(record, "ce_specversion") == "1.0");
  CHECK(header(record, "ce_id") == "2130690");
  CHECK(header(record, "ce_source") == ohip.url() + "/externalSystem/OHIPDEMO");
  CHECK(header(record, "ce_type") == "com.oracle.opera.reservation.update-reservation");
  CHECK(header(record, "ce_subject") == "919074");
  CHECK(header(record, "ce_hotelid") == "ABC");
  CHECK(header(record, "ce_createddatetime") == "2021-07-08 11:15:38.0");
  CHECK(header(record, "ce_requestid").size() == 36);
  CHECK(header(record, "ce_dataschema") == "urn:ohip-poll:business-event:1");
  CHECK(header(record, "ce_time").back() == 'Z');
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  CHECK(std::chrono::abs(now - record.timestamp) < 10min);
}

TEST_CASE_METHOD(World, "what an answer adds to its events is in each of its records") {
  const std::string mapping =
      R"([{"dataElement":"ROOM TYPE","operaValue":"DLXK","externalValue":1234}])";
  const std::string reservation =
      R"({"businessEvent":{"header":{"moduleName":"Reservation","primaryKey":7,"zone":"+01:00"},)"
      R"("details":[{"dataElement":"RATE","newValue":2,"more":[{}]}]},)"
      R"("businessEventId":{"id":12345678901234567890123})";
  const std::string profile = R"({"businessEvent":{"header":{"moduleName":14,"hotelId":null}},)"
                              R"("businessEventId":{"id":"p1"},"extra":{"a":[null]})";
  ohip.enqueue_answer("ABC", R"({"businessEventData":[)" + reservation + "}," + profile +
                                 R"(}],"DataValueMapping":)" + mapping + "}");
  environment["OHIP_EXTERNAL_DATA"] = "true";
  const Result result = poll();
  CAPTURE(result.err);
  CHECK(result.status == 0);
  const std::string added = R"(,"dataValueMapping":)" + mapping + "}";
  CHECK(values() == std::vector<std::string>{reservation + added, profile + added});
}

TEST_CASE_METHOD(World, "an empty queue is silent, and two runs share one token") {
  CHECK(poll().status == 0);
  const Result second = poll();
  CHECK(second.status == 0);
  CHECK(second.err.empty());
  CHECK(ohip.stats().polls == 2);
  CHECK(ohip.stats().tokens == 1);
}

TEST_CASE_METHOD(World, "a token that the gateway no longer takes is replaced in the same run") {
  REQUIRE(poll().status == 0);
  ohip.revoke_tokens();
  ohip.enqueue("ABC", 3);
  CHECK(poll().status == 0);
  CHECK(ohip.stats().tokens == 2);
  CHECK(values() == handed_out());
}

TEST_CASE_METHOD(World, "a drain empties the queue, a single poll takes one answer") {
  ohip.enqueue("ABC", 45);
  REQUIRE(poll().status == 0);
  CHECK(values().size() == 20);
  REQUIRE(poll({"--drain", "--hotel", "ABC"}).status == 0);
  CHECK(values() == handed_out());
  CHECK(values().size() == 45);
}

TEST_CASE_METHOD(World, "several hotels are polled in one run, each its own queue") {
  ohip.enqueue("ABC", 3);
  ohip.enqueue("DEF", 4);
  CHECK(poll({"--hotel", "ABC,DEF"}).status == 0);
  CHECK(values().size() == 7);
}

TEST_CASE_METHOD(World, "the chain's queue is polled for all hotels") {
  ohip.enqueue(ohip::sim::kChain, 5, "DEF");
  CHECK(poll({"--queue", "chain", "--hotel", "ABC"}).status == 0);
  CHECK(values() == handed_out(ohip::sim::kChain));
}

TEST_CASE_METHOD(World, "one hotel's refusal is no other hotel's") {
  ohip.inject(parse_fault("kind=status&status=403&hotel=ABC"));
  ohip.enqueue("DEF", 2);
  const Result result = poll({"--hotel", "ABC,DEF"});
  CHECK(result.status == 77);
  CHECK(contains(result.err, "hotel ABC: "));
  CHECK_FALSE(contains(result.err, "DEF"));
  CHECK(values().size() == 2);
}

TEST_CASE_METHOD(World, "nothing is taken while Kafka's port is closed") {
  ohip.enqueue("ABC", 5);
  environment["KAFKA_BOOTSTRAP_SERVERS"] = "127.0.0.1:1";
  const Result result = poll();
  CHECK(result.status == 69);
  CHECK(contains(result.err, "127.0.0.1:1"));
  CHECK(ohip.stats().polls == 0);
}

TEST_CASE_METHOD(World, "nothing is taken for a topic that Kafka does not know") {
  rd_kafka_mock_topic_set_error(kafka.get(), kTopic, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
  const Result result = poll();
  CHECK(result.status == 78);
  CHECK(contains(result.err, kTopic));
  CHECK(ohip.stats().polls == 0);
}

TEST_CASE_METHOD(World, "nothing is taken for a topic of which one partition has no leader") {
  rd_kafka_mock_partition_set_leader(kafka.get(), kTopic, 2, -1);
  CHECK(poll().status == 69);
  CHECK(ohip.stats().polls == 0);
}

TEST_CASE_METHOD(World, "a wrong secret ends the run after one attempt, for all hotels") {
  environment["OHIP_CLIENT_SECRET"] = "hunter2";
  const Result result = poll({"--hotel", "ABC,DEF,GHI"});
  CHECK(result.status == 77);
  CHECK(ohip.stats().token_refusals == 1);
  CHECK(ohip.stats().polls == 0);
  CHECK_FALSE(contains(result.err, "hunter2"));
}

TEST_CASE_METHOD(World, "nothing is taken when the spool cannot be made") {
  std::ofstream(spool / "file") << "not a directory";
  environment["OHIP_SPOOL_DIR"] = (spool / "file").string();
  const Result result = poll();
  CHECK(result.status == 74);
  CHECK(contains(result.err, (spool / "file").string()));
  CHECK(ohip.stats().polls == 0);
}

// Needs to be root: a file system of its own, unmounted with the object.
class SmallDisk {
 public:
  SmallDisk(const fs::path& where, unsigned long flags, const char* options) : where_(where) {
    fs::create_directories(where);
    mounted_ = mount("tmpfs", where.c_str(), "tmpfs", flags, options) == 0;
  }
  ~SmallDisk() {
    if (mounted_) {
      umount(where_.c_str());
    }
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  explicit operator bool() const { return mounted_; }

 private:
  fs::path where_;
  bool mounted_ = false;
};

TEST_CASE_METHOD(World, "nothing is taken when the spool's disk is full or read-only") {
  const bool full = GENERATE(true, false);
  const SmallDisk disk(spool / "disk", full ? 0UL : 1UL /* MS_RDONLY */, "size=1m,mode=0755");
  if (!disk) {
    WARN("not tried: mounting a file system needs root");
    return;
  }
  environment["OHIP_SPOOL_DIR"] = (spool / "disk").string();
  ohip.enqueue("ABC", 5);
  const Result result = poll();
  CHECK(result.status == 74);
  CHECK(contains(result.err, full ? "No space left" : "Read-only"));
  CHECK(ohip.stats().polls == 0);
}

TEST_CASE_METHOD(World, "a run killed between spool and publish loses nothing") {
  Server broker({KAFKA_SIM_PROGRAM, "--topic", fmt::format("{}:1", kTopic)}, spool.path());
  environment["KAFKA_BOOTSTRAP_SERVERS"] = broker.where();
  ohip.enqueue("ABC", 25);
  ohip.inject(parse_fault("kind=delay&ms=300"));
  {
    Process killed({kProgram, "--hotel", "ABC"}, environment, spool / "out", spool / "err");
    wait_until([&] { return ohip.stats().polls == 1; });
    broker.process().signal(SIGSTOP);
    wait_until([&] { return spooled().size() == 1; });
    killed.signal(SIGKILL);
    CHECK(killed.wait() == -SIGKILL);
  }
  broker.process().signal(SIGCONT);
  ohip.inject(parse_fault("kind=status&status=503"));
  CHECK(poll().status == 69);  // the rest is still at OHIP, what was taken is in Kafka
  CHECK(spool_is_empty());
  const Result kcat =
      run({KCAT_PROGRAM, "-q", "-C", "-e", "-b", broker.where(), "-t", kTopic, "-f", "%s\n"}, {});
  // What the killed run had sent may be there, too.
  for (const std::string& event : ohip.handed_out("ABC")) {
    CHECK(contains(kcat.out, event + "\n"));
  }
}

TEST_CASE_METHOD(World, "a run that is told to stop finishes the poll in flight and delivers it") {
  ohip.enqueue("ABC", 60);
  ohip.inject(parse_fault("kind=delay&ms=500"));
  Process process({kProgram, "--drain", "--hotel", "ABC"}, environment, spool / "out",
                  spool / "err");
  wait_until([&] { return ohip.stats().polls == 1; });
  process.signal(GENERATE(SIGTERM, SIGINT, SIGHUP));
  process.signal(SIGTERM);
  CHECK(process.wait() == 0);
  CHECK(ohip.stats().polls == 1);
  CHECK(values().size() == 20);
  CHECK(values() == handed_out());
}

TEST_CASE_METHOD(World, "a run that finds its queue taken by another one leaves it alone") {
  ohip.inject(parse_fault("kind=delay&ms=1000"));
  Process first({kProgram, "--hotel", "ABC"}, environment, spool / "out", spool / "err");
  wait_until([&] { return ohip.stats().polls == 1; });
  const Result second = poll();
  CHECK(second.status == 0);
  CHECK(second.err.empty());
  CHECK(first.wait() == 0);
  CHECK(ohip.stats().polls == 1);
}

TEST_CASE_METHOD(World,
                 "an answer that never comes is a possible loss with its bound, and one GET") {
  ohip.enqueue("ABC", 45);
  SECTION("on a fresh connection") {
    ohip.inject(parse_fault("kind=close"));
    const Result result = poll();
    CHECK(result.status == 76);
    CHECK(contains(result.err, "up to 20 events"));
    CHECK(ohip.stats().polls == 1);
    CHECK(spooled(".reason").size() == 1);
  }
  SECTION("on a connection used before") {
    ohip.inject(parse_fault("kind=close&after=1"));
    CHECK(poll({"--drain", "--hotel", "ABC"}).status == 76);
    CHECK(ohip.stats().polls == 2);
    CHECK(values().size() == 20);
  }
}

TEST_CASE_METHOD(World, "a gateway's time-out is a possible loss, its other errors are not") {
  const auto [status, expected] =
      GENERATE(std::pair{504, 76}, std::pair{503, 69}, std::pair{500, 69}, std::pair{404, 78});
  ohip.inject(parse_fault(fmt::format("kind=status&status={}", status)));
  const Result result = poll();
  CHECK(result.status == expected);
  CHECK(contains(result.err, std::to_string(status)));
  CHECK(ohip.stats().polls == 1);
}

TEST_CASE_METHOD(
    World, "what stands between us and OPERA proves nothing: the next polls ask for one event") {
  ohip.enqueue("ABC", 45);
  ohip.inject(parse_fault("kind=status&status=502&body=html&dequeue=1&count=2"));
  const Result first = poll();
  CHECK(first.status == 76);
  CHECK(contains(first.err, "up to 20 events may be lost"));
  const Result second = poll();
  CHECK(second.status == 76);
  CHECK(contains(second.err, "up to 1 event may be lost"));
  CHECK(poll().status == 0);  // one whole answer: no doubt any more
  CHECK(values().size() == 1);
  CHECK(poll({"--drain", "--hotel", "ABC"}).status == 0);
  CHECK(values().size() == 24);
  CHECK(handed_out().size() == 45);
}

TEST_CASE_METHOD(World, "a run leaves a queue alone after two possible losses in a row") {
  ohip.enqueue("ABC", 45);
  ohip.enqueue("DEF", 5);
  ohip.inject(parse_fault("kind=close&hotel=ABC&count=20"));
  const Result result = poll({"--run-for", "2s", "--interval", "100ms", "--hotel", "ABC,DEF"});
  CHECK(result.status == 76);
  CHECK(handed_out("ABC").size() == 21);
  CHECK(values() == handed_out("DEF"));
}

TEST_CASE_METHOD(World, "a run leaves a queue alone after two answers that are somebody else's") {
  ohip.inject(parse_fault("kind=status&status=200&body=html&count=20"));
  const Result result = poll({"--run-for", "2s", "--interval", "100ms", "--hotel", "ABC"});
  CHECK(result.status == 65);
  CHECK(ohip.stats().polls == 2);
  CHECK(spooled(".reason").size() == 2);
}

TEST_CASE_METHOD(World, "of an answer cut off on its way every whole event is delivered") {
  ohip.enqueue("ABC", 20);
  ohip.inject(parse_fault("kind=cut&bytes=6000"));
  const Result result = poll();
  CHECK(result.status == 76);
  const std::vector<std::string> delivered = values();
  const std::vector<std::string> all = handed_out();
  CHECK_FALSE(delivered.empty());
  CHECK(delivered.size() < 20);
  CHECK(std::includes(all.begin(), all.end(), delivered.begin(), delivered.end()));
  CHECK(contains(result.err, fmt::format("up to {} more events", 20 - delivered.size())));
  CHECK(ohip.stats().polls == 1);
}

TEST_CASE_METHOD(World, "a web page instead of events is put aside and named, the queue goes on") {
  ohip.inject(parse_fault("kind=status&status=200&body=html"));
  const Result result = poll();
  CHECK(result.status == 65);
  REQUIRE(spooled(".reason").size() == 1);
  CHECK(contains(result.err, spooled(".json").at(0).string()));
  ohip.enqueue("ABC", 2);
  CHECK(poll().status == 0);
  CHECK(values().size() == 2);
}

TEST_CASE_METHOD(World, "an endless answer is cut off at a bound") {
  ohip.inject(parse_fault("kind=status&status=200",
                          "{\"businessEventData\":[\"" + std::string(64 << 20, 'x') + "\"]}"));
  const Result result = poll();
  CHECK(result.status == 76);
  CHECK(spooled(".json").size() + spooled(".part").size() == 1);
}

TEST_CASE_METHOD(World, "a replay publishes what the spool holds without OHIP") {
  const std::string event = R"({"businessEvent":{},"businessEventId":{"id":7}})";
  const fs::path queue = spool / "gateway/EXT/ABC";
  fs::create_directories(queue);
  std::ofstream(queue / "20261123T190705.123456Z-request.json")
      << R"({"businessEventData":[)" << event << "]}";
  std::erase_if(environment, [](const auto& item) {
    return item.first != "OHIP_SPOOL_DIR" && item.first != "KAFKA_BOOTSTRAP_SERVERS";
  });
  CHECK(poll({"--replay"}).status == 0);
  CHECK(values() == std::vector{event});
  CHECK(header(records()[0], "ce_source") == "//gateway/externalSystem/EXT");
  CHECK(spool_is_empty());
}

TEST_CASE_METHOD(World,
                 "two gateways of one host share no queue, and a replay is of the one configured") {
  kafka.create("other", kPartitions);
  const std::string url = ohip.url();
  const auto leave = [&](const std::string& path, int id) {
    const fs::path queue = ohip::QueueName{url + path, "OHIPDEMO", "ABC"}.directory(spool.path());
    fs::create_directories(queue);
    std::ofstream(queue / "20261123T190705.123456Z-request.json")
        << fmt::format(R"({{"businessEventData":[{{"businessEventId":{{"id":{}}}}}]}})", id);
  };
  leave("/prod", 1);
  leave("/uat", 2);
  environment["OHIP_GATEWAY_URL"] = url + "/prod/";
  const bool replay = GENERATE(true, false);
  if (replay) {
    CHECK(poll({"--replay"}).status == 0);
  } else {
    poll();  // the simulator knows no such path
  }
  REQUIRE(values() == std::vector<std::string>{R"({"businessEventId":{"id":1}})"});
  CHECK(header(records()[0], "ce_source") == url + "/prod/externalSystem/OHIPDEMO");
  CHECK(records()[0].key == "ABC//");
  environment["OHIP_GATEWAY_URL"] = url + "/uat";
  environment["KAFKA_TOPIC"] = "other";
  CHECK(poll({"--replay"}).status == 0);
  REQUIRE(kafka.read("other", kPartitions).size() == 1);
  CHECK(kafka.read("other", kPartitions)[0].value == R"({"businessEventId":{"id":2}})");
  CHECK(values().size() == 1);
}

TEST_CASE_METHOD(World, "what version 0.1.0 left is delivered before anything is polled, once") {
  const fs::path earlier = spool / "127.0.0.1/OHIPDEMO/ABC";
  fs::create_directories(earlier / "quarantine");
  const std::string event = R"({"businessEvent":{},"businessEventId":{"id":7}})";
  std::ofstream(earlier / "20261123T190705.123456Z-request.json")
      << R"({"businessEventData":[)" << event << "]}";
  CHECK(poll(GENERATE(as<std::vector<std::string>>(), std::vector<std::string>{"--replay"},
                      std::vector<std::string>{"--once", "--hotel", "ABC"}))
            .status == 0);
  CHECK(values() == std::vector{event});
  CHECK(poll().status == 0);
  CHECK(values().size() == 1);
  CHECK(spool_is_empty());
  CHECK_FALSE(fs::exists(spool / "127.0.0.1"));
}

TEST_CASE("events pass through TLS, and only with a certificate that is trusted") {
  ohip::sim::Options options;
  options.tls = true;
  World world(options);
  world.ohip.enqueue("ABC", 3);
  const Result untrusted = world.poll();
  CHECK(untrusted.status == 78);
  CHECK(contains(untrusted.err, "certificate"));
  CHECK(world.ohip.stats().tokens == 0);
  std::ofstream(world.spool / "ca.pem") << world.ohip.ca_pem();
  world.environment["OHIP_CA_FILE"] = (world.spool / "ca.pem").string();
  CHECK(world.poll().status == 0);
  CHECK(world.values() == world.handed_out());
}

TEST_CASE_METHOD(World, "a check names each step, and the one that fails, and takes nothing") {
  ohip.enqueue("ABC", 3);
  std::string failing;
  int expected = 0;
  SECTION("all is well") {}
  SECTION("a wrong gateway") {
    environment["OHIP_GATEWAY_URL"] = "http://127.0.0.1:1";
    failing = "token";
    expected = 69;
  }
  SECTION("a wrong secret") {
    environment["OHIP_CLIENT_SECRET"] = "wrong";
    failing = "token";
    expected = 77;
  }
  SECTION("a closed broker") {
    environment["KAFKA_BOOTSTRAP_SERVERS"] = "127.0.0.1:1";
    failing = "Kafka";
    expected = 69;
  }
  SECTION("a missing topic") {
    rd_kafka_mock_topic_set_error(kafka.get(), kTopic, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    failing = "topic";
    expected = 78;
  }
  const Result result = poll({"--check", "--hotel", "ABC"});
  CHECK(result.status == expected);
  for (const char* step : {"configuration", "spool", "token", "Kafka"}) {
    CHECK(contains(result.out, fmt::format("{:<15} {}", step, failing == step ? "FAILED" : "OK")));
  }
  const std::string topic = failing == "Kafka" ? "" : failing == "topic" ? "FAILED" : "OK";
  CHECK(contains(result.out, "topic") == !topic.empty());
  CHECK(contains(result.out, fmt::format("{:<15} {}", "topic", topic)) == !topic.empty());
  CHECK(ohip.stats().polls == 0);
  CHECK(spool_is_empty());
}

TEST_CASE_METHOD(World, "what is missing is said in one message, and nothing is contacted") {
  environment.erase("OHIP_CLIENT_ID");
  environment.erase("KAFKA_BOOTSTRAP_SERVERS");
  const Result result = poll({});
  CHECK(result.status == 78);
  for (const char* name : {"OHIP_CLIENT_ID", "KAFKA_BOOTSTRAP_SERVERS", "--hotel"}) {
    CHECK(contains(result.err, name));
  }
  CHECK(ohip.stats().polls + ohip.stats().tokens == 0);
}
