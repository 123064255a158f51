// What brokers may answer that a mock cluster never does, and leaders that are elsewhere.

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/secrets.h"
#include "kafka/publisher.h"
#include "support/catch.h"
#include "support/listener.h"
#include "support/sasl_broker.h"
#include "support/scripted_broker.h"
#include "support/temporary_directory.h"

using namespace ohip;  // NOLINT(google-build-using-namespace)

namespace {

using Properties = std::map<std::string, std::string>;
using wire::Node;
using wire::Topic;

const Log kQuiet(LogLevel::kError);

// Answers all that a producer asks; of metadata what it is told to.
class Cluster {
 public:
  using Metadata = std::function<std::string(int port)>;

  // produce: the code that each record is answered with.
  explicit Cluster(Metadata metadata, int produce = 0)
      : metadata_(std::move(metadata)), produce_(produce) {}

  std::string address() const { return broker_.address(); }
  int port() const { return broker_.port(); }
  int asked(int api) const { return broker_.requests(api); }

  // A broker of its own that leads everything.
  static std::string alone(int port) {
    return wire::metadata({{1, "127.0.0.1", port}}, {{"t", {{0, 1}}}});
  }

 private:
  std::optional<std::string> answer(int api, int version) {
    switch (api) {
      case wire::kApiVersions:
        return wire::versions(version, {{wire::kProduce, 7},
                                        {wire::kListOffsets, 1},
                                        {wire::kMetadata, 2},
                                        {wire::kSaslHandshake, 1},
                                        {wire::kApiVersions, 0},
                                        {wire::kInitProducerId, 0},
                                        {wire::kSaslAuthenticate, 0}});
      case wire::kSaslHandshake:
        return wire::int16(0) + wire::array({wire::text("PLAIN")});
      case wire::kSaslAuthenticate:
        return wire::int16(0) + wire::int16(-1) + wire::int32(0);
      case wire::kProduce:
        return wire::array({wire::text("t") +
                            wire::array({wire::int32(0) + wire::int16(produce_) + wire::int64(0) +
                                         wire::int64(-1) + wire::int64(0)})}) +
               wire::int32(0);
      case wire::kListOffsets:
        return wire::array({wire::text("t") + wire::array({wire::int32(0) + wire::int16(0) +
                                                           wire::int64(-1) + wire::int64(0)})});
      case wire::kMetadata:
        return metadata_(broker_.port());
      case wire::kInitProducerId:
        return wire::int32(0) + wire::int16(0) + wire::int64(1) + wire::int16(0);
      default:
        return std::nullopt;
    }
  }

  const Metadata metadata_;
  const int produce_;
  ScriptedBroker broker_{[this](int api, int version) { return answer(api, version); }};
};

Error refused_check(const Properties& properties) {
  try {
    KafkaPublisher(properties, kQuiet).check({"t"});
  } catch (const Error& error) {
    return error;
  }
  return {ExitStatus::kOk, "nothing was thrown"};
}

Error refused_check(const std::string& brokers) {
  return refused_check({{"bootstrap.servers", brokers},
                        {"enable.idempotence", "true"},
                        {"socket.connection.setup.timeout.ms", "10000"}});
}

std::function<std::string(int)> says(std::vector<Topic> topics, std::vector<Node> others = {}) {
  return [=](int port) {
    std::vector<Node> nodes = {{1, "127.0.0.1", port}};
    nodes.insert(nodes.end(), others.begin(), others.end());
    return wire::metadata(nodes, topics);
  };
}

Properties with_password(const std::string& brokers) {
  return {{"bootstrap.servers", brokers},
          {"enable.idempotence", "true"},
          {"security.protocol", "sasl_plaintext"},
          {"sasl.mechanism", "PLAIN"},
          {"sasl.username", "u"},
          {"sasl.password", "hunter2hunter2"}};
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a broker that leads the topic and answers is ready") {
  const Cluster cluster(Cluster::alone);
  CHECK(refused_check(cluster.address()).status() == ExitStatus::kOk);
  CHECK(cluster.asked(wire::kListOffsets) == 1);
}

TEST_CASE("an answer that does not tell who leads the topic is no answer") {
  struct Case {
    std::vector<Topic> topics;
    const char* why;
  };
  const auto given = GENERATE(values<Case>({
      {{}, "does not speak of it"},
      {{{"another", {{0, 1}}}}, "does not speak of it"},
      {{{"", {{0, 1}}}}, "does not speak of it"},
      {{{"t", {}}}, "no partition"},
      {{{"t", {{0, 1}, {1, -1}}}}, "partition 1 has no leader"},
      {{{"t", {{0, 77}}}}, "broker 77"},
  }));
  const Cluster cluster(says(given.topics));
  const Error error = refused_check(cluster.address());
  INFO(error.what());
  CHECK(error.status() == ExitStatus::kUnavailable);
  CHECK(contains(error.what(), "topic t: "));
  CHECK(contains(error.what(), given.why));
}

TEST_CASE("a leader whose name does not resolve is told before anything is taken") {
  const Cluster cluster(says({{"t", {{0, 2}}}}, {{2, "kafka-2.invalid", 9092}}));
  const auto begin = std::chrono::steady_clock::now();
  const Error error = refused_check(cluster.address());
  INFO(error.what());
  CHECK(error.status() == ExitStatus::kUnavailable);
  CHECK(contains(error.what(), "kafka-2.invalid:9092"));
  CHECK(contains(error.hint(), "advertised.listeners"));
  CHECK(contains(error.hint(), "topic t, partition 0"));
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(9));  // not the silence
}

TEST_CASE("a leader that refuses connections, or says nothing, is told") {
  const bool silent = GENERATE(false, true);
  std::optional<Listener> listener(std::in_place, [](int connection) {
    char byte = 0;
    while (::recv(connection, &byte, 1, 0) > 0) {
    }
  });
  const std::string address = listener->address();
  const int port = std::stoi(address.substr(address.find(':') + 1));
  if (!silent) {
    listener.reset();
  }
  const Cluster cluster(says({{"t", {{0, 1}, {1, 2}}}}, {{2, "127.0.0.1", port}}));
  const Error error = refused_check(cluster.address());
  INFO(error.what());
  CHECK(error.status() == ExitStatus::kUnavailable);
  CHECK(contains(error.what(), address));
  CHECK(contains(error.hint(), "partition 1"));
}

TEST_CASE("each leader is asked, wherever it is") {
  const Cluster leader(Cluster::alone);
  const Cluster cluster(says({{"t", {{0, 1}, {1, 2}, {2, 2}}}}, {{2, "127.0.0.1", leader.port()}}));
  CHECK(refused_check(cluster.address()).status() == ExitStatus::kOk);
  CHECK(cluster.asked(wire::kListOffsets) == 1);
  CHECK(leader.asked(wire::kListOffsets) == 1);
}

TEST_CASE(
    "a cluster that stores the question who may write is asked no more, in later runs neither") {
  const Cluster cluster(Cluster::alone);
  const test::TemporaryDirectory directory;
  const Properties properties = with_password(cluster.address());
  for (int run = 0; run < 3; ++run) {
    KafkaPublisher publisher(properties, kQuiet, directory / "notes", Milliseconds::zero());
    CHECK_NOTHROW(publisher.check({"t"}));
    CHECK_NOTHROW(publisher.check({"t"}));
    CHECK(cluster.asked(wire::kProduce) == 1);
  }
  const Cluster another(Cluster::alone);
  KafkaPublisher(with_password(another.address()), kQuiet, directory / "notes").check({"t"});
  CHECK(another.asked(wire::kProduce) == 1);
}

TEST_CASE("without a place for notes the question is stored once a run") {
  const Cluster cluster(Cluster::alone);
  for (int run = 1; run <= 2; ++run) {
    KafkaPublisher publisher(with_password(cluster.address()), kQuiet, "/nonexistent/notes",
                             Milliseconds::zero());
    CHECK_NOTHROW(publisher.check({"t"}));
    CHECK_NOTHROW(publisher.check({"t"}));
    CHECK(cluster.asked(wire::kProduce) == run);
  }
}

TEST_CASE("a cluster that stores nothing is asked in each run") {
  constexpr int kInvalidRequiredAcks = 21;
  const Cluster cluster(Cluster::alone, kInvalidRequiredAcks);
  const test::TemporaryDirectory directory;
  for (int run = 1; run <= 2; ++run) {
    KafkaPublisher publisher(with_password(cluster.address()), kQuiet, directory / "notes");
    CHECK_NOTHROW(publisher.check({"t"}));
    CHECK(cluster.asked(wire::kProduce) == run);
  }
}

TEST_CASE("a wrong password is offered once, however many bootstrap servers there are") {
  using std::chrono::milliseconds;
  const milliseconds late = GENERATE(milliseconds(0), milliseconds(100), milliseconds(1'500));
  const SaslBroker a("PLAIN", "Authentication failed", late);
  const SaslBroker b("PLAIN", "Authentication failed", late);
  const SaslBroker c("PLAIN", "Authentication failed", late);
  const Error error =
      refused_check(with_password(a.address() + "," + b.address() + "," + c.address()));
  CHECK(error.status() == ExitStatus::kRefused);
  CHECK(a.attempts() + b.attempts() + c.attempts() == 1);
}

TEST_CASE(
    "the first bootstrap servers are out of reach, the next one accepts the password or not") {
  std::string closed;
  {
    const Listener first([](int) {});
    const Listener second([](int) {});
    closed = first.address() + "," + second.address();
  }
  const SaslBroker broker;
  const Error error = refused_check(with_password(closed + "," + broker.address()));
  CHECK(error.status() == ExitStatus::kRefused);
  CHECK(broker.attempts() == 1);
}

TEST_CASE("what a broker says of a password is one line of plain text without it") {
  keep_secret("hunter2hunter2");
  const SaslBroker broker("PLAIN",
                          "<0>\x1b[31mno\r\n\xff hunter2hunter2" + std::string(5'000, 'x'));
  const Error error = refused_check(with_password(broker.address()));
  const std::string text = error.what();
  CHECK(error.status() == ExitStatus::kRefused);
  CHECK(text.find_first_of("\x1b\r\n\xff") == std::string::npos);
  CHECK_FALSE(contains(text, "hunter2"));
  CHECK(text.size() < 500);
}
