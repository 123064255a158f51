#include "kafka/publisher.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>
#include <thread>

#include "support/catch.h"
#include "support/listener.h"
#include "support/mock_kafka.h"

using namespace ohip;  // NOLINT(google-build-using-namespace)
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

using Properties = std::map<std::string, std::string>;
using State = Delivery::State;

const Log kQuiet(LogLevel::kError);
constexpr auto kTooLarge = RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
constexpr auto kFine = RD_KAFKA_RESP_ERR_NO_ERROR;
constexpr seconds kPatience(20);

// As a run has them, but for the brokers; the linger lets records of one call share a request.
Properties properties(const std::string& brokers, const Properties& more = {}) {
  Properties all = {{"bootstrap.servers", brokers},
                    {"acks", "all"},
                    {"enable.idempotence", "true"},
                    {"partitioner", "murmur2_random"},
                    {"linger.ms", "20"},
                    {"allow.auto.create.topics", "false"}};
  for (const auto& [name, value] : more) {
    all[name] = value;
  }
  return all;
}

// Profile oci-streaming's rule.
const Properties kNotIdempotent = {{"enable.idempotence", "false"}, {"max.in.flight", "1"}};

Record record(const std::string& key, const std::string& value, const std::string& topic = "t") {
  Record record;
  record.topic = topic;
  record.key = key;
  record.value = value;
  record.headers = {{"ce_id", "id"}};
  record.timestamp = TimePoint(seconds(1'764'000'000));
  return record;
}

std::vector<Record> records(int count, const std::string& key = "k") {
  std::vector<Record> all(static_cast<std::size_t>(count));
  std::generate(all.begin(), all.end(),
                [&, i = 0]() mutable { return record(key, "v" + std::to_string(i++)); });
  return all;
}

template <typename All, typename Part>
auto each(const All& all, Part part) {
  std::vector<std::decay_t<decltype(part(all.front()))>> parts(all.size());
  std::transform(all.begin(), all.end(), parts.begin(), part);
  return parts;
}

template <typename All>
std::vector<std::string> values(const All& all) {
  return each(all, [](const auto& one) { return one.value; });
}

std::vector<State> states(const std::vector<Delivery>& all) {
  return each(all, [](const Delivery& one) { return one.state; });
}

// Each value once, where it was stored last.
std::vector<std::string> last_places(const std::vector<Stored>& stored) {
  std::vector<std::string> last;
  for (const Stored& record : stored) {
    std::erase(last, record.value);
    last.push_back(record.value);
  }
  return last;
}

template <typename Action>
Error thrown_by(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error;
  }
  return {ExitStatus::kOk, "nothing was thrown"};
}

Error refused_check(KafkaPublisher& publisher, const std::string& topic = "t") {
  return thrown_by([&] { publisher.check({topic}); });
}

Error refused_properties(const Properties& more) {
  KafkaPublisher publisher(properties("127.0.0.1:1", more), kQuiet);
  const Error error = refused_check(publisher);
  const Error again =
      thrown_by([&] { publisher.publish(std::vector{record("k", "v")}, kPatience); });
  CHECK(std::string_view(error.what()) == again.what());
  return error;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::string closed_port() {
  const Listener listener([](int) {});
  return listener.address();
}

// What eight threads hear that check at once, and how long the last of them waits.
std::pair<std::array<ExitStatus, 8>, seconds> checked_by_eight(KafkaPublisher& publisher) {
  std::array<ExitStatus, 8> heard{};
  std::array<std::thread, heard.size()> threads;
  const auto begin = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i < heard.size(); ++i) {
    threads[i] = std::thread([&, i] { heard[i] = refused_check(publisher).status(); });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  return {heard, std::chrono::floor<seconds>(std::chrono::steady_clock::now() - begin)};
}

}  // namespace

TEST_CASE("what is published is stored byte for byte: key, value, headers, timestamp") {
  MockKafka kafka;
  kafka.create("t", 1);
  KafkaPublisher publisher(properties(kafka.bootstrap()), kQuiet);
  Record first = record("ABC/RESERVATION/1", std::string("{\"a\":\"\xc3\xa9\0\xff\"}", 12));
  first.headers = {{"ce_id", "1"}, {"empty", ""}, {"bytes", std::string("\0\n\x80", 3)}};
  first.timestamp = TimePoint(std::chrono::microseconds(1'764'000'000'123'999));
  const std::vector<Record> sent = {first, record("", ""), record("b", std::string(900'000, 'x'))};

  publisher.check({"t"});
  CHECK(states(publisher.publish(sent, kPatience)) == std::vector<State>(3, State::kAcknowledged));

  const std::vector<Stored> stored = kafka.read("t", 1);
  REQUIRE(stored.size() == 3);
  for (std::size_t i = 0; i < sent.size(); ++i) {
    CHECK(stored[i].key == sent[i].key);
    CHECK((stored[i].value == sent[i].value));
    CHECK(stored[i].headers == sent[i].headers);
  }
  CHECK(stored[0].timestamp == milliseconds(1'764'000'000'123));
}

TEST_CASE("a record received when the clock was ahead is sent with the time it is now") {
  MockKafka kafka;
  kafka.create("t", 1);
  KafkaPublisher publisher(properties(kafka.bootstrap()), kQuiet);
  Record early = record("k", "v");
  const auto now = std::chrono::system_clock::now();
  early.timestamp = std::chrono::floor<TimePoint::duration>(now) + std::chrono::hours(2);
  publisher.publish(std::vector{early}, kPatience);
  const milliseconds stored = kafka.read("t", 1).at(0).timestamp;
  CHECK(stored >= std::chrono::floor<milliseconds>(now.time_since_epoch()));
  CHECK(stored < early.timestamp.time_since_epoch() - std::chrono::hours(1));
}

TEST_CASE(
    "a refused timestamp keeps the records and stops later checks: a person mends the clock") {
  MockKafka kafka;
  kafka.create("t", 1);
  KafkaPublisher publisher(properties(kafka.bootstrap()), kQuiet);
  publisher.check({"t"});
  kafka.answer(MockKafka::kProduce, {RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP});
  const auto fates = publisher.publish(records(3), kPatience);
  CHECK(states(fates) == std::vector<State>(3, State::kUndelivered));
  CHECK(refused_check(publisher).status() == ExitStatus::kConfig);
  CHECK(kafka.read("t", 1).empty());
}

TEST_CASE("records of one key keep their order") {
  MockKafka kafka;
  kafka.create("t", 4);
  KafkaPublisher publisher(properties(kafka.bootstrap(), {{"batch.num.messages", "3"}}), kQuiet);
  publisher.publish(records(20), kPatience);
  CHECK(values(kafka.read("t", 4)) == values(records(20)));
}

TEST_CASE("a key goes to the partition that Java's producer would choose") {
  // Hashes from the UtilsTest of Apache Kafka's own Java client.
  const auto [key, hash] = GENERATE(table<std::string, int>({
      {"21", -973'932'308},
      {"foobar", -790'332'482},
      {"a-little-bit-long-string", -985'981'536},
      {"a-little-bit-longer-string", -1'486'304'829},
      {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58'897'971},
      {"abc", 479'470'107},
  }));
  MockKafka kafka;
  kafka.create("t", 12);
  KafkaPublisher publisher(properties(kafka.bootstrap()), kQuiet);
  publisher.publish(std::vector{record(key, "v")}, kPatience);
  const std::vector<Stored> stored = kafka.read("t", 12);
  REQUIRE(stored.size() == 1);
  CHECK(stored[0].partition == (hash & 0x7fffffff) % 12);
}

TEST_CASE("an unknown property is named") {
  const Error error = refused_properties({{"no.such.property", "hunter2"}});
  CHECK(error.status() == ExitStatus::kConfig);
  CHECK(contains(error.what(), "Kafka: no.such.property: "));
  CHECK_FALSE(contains(error.what(), "hunter2"));
}

TEST_CASE("a value that librdkafka refuses is a configuration error with its reason") {
  CHECK(contains(refused_properties({{"acks", "most"}}).what(), "Kafka: acks: "));
  CHECK(contains(refused_properties({{"acks", "1"}}).what(), "idempotence"));
  CHECK(contains(
      refused_properties({{"security.protocol", "ssl"}, {"ssl.ca.location", "/nonexistent/ca.pem"}})
          .what(),
      "ssl.ca.location"));
}

TEST_CASE("no secret is echoed") {
  const Properties secrets = {{"security.protocol", "sasl_ssl"}, {"sasl.mechanism", "PLAIN"},
                              {"sasl.username", "me"},           {"sasl.password", "hunter2"},
                              {"ssl.key.pem", "hunter2"},        {"ssl.key.password", "hunter2"}};
  const Error error = refused_properties(secrets);
  CHECK(error.status() == ExitStatus::kConfig);
  CHECK_FALSE(contains(error.what() + error.hint(), "hunter2"));
}

TEST_CASE("a closed port is unavailable within seconds, and the reason says who refused") {
  KafkaPublisher publisher(properties(closed_port()), kQuiet);
  const auto begin = std::chrono::steady_clock::now();
  const Error error = refused_check(publisher);
  CHECK(std::chrono::steady_clock::now() - begin < seconds(7));
  CHECK(error.status() == ExitStatus::kUnavailable);
  CHECK(contains(error.what(), "Kafka: cannot reach 127.0.0.1:"));
  CHECK(contains(error.what(), "Connection refused"));
}

TEST_CASE("a host name that does not resolve is unavailable") {
  KafkaPublisher publisher(properties("kafka.invalid:9"), kQuiet);
  const Error error = refused_check(publisher);
  CHECK(error.status() == ExitStatus::kUnavailable);
  CHECK(contains(error.what(), "kafka.invalid"));
}

TEST_CASE("a cluster may be checked without a topic") {
  const Properties more = GENERATE(Properties(), kNotIdempotent);
  MockKafka kafka;
  KafkaPublisher publisher(properties(kafka.bootstrap(), more), kQuiet);
  CHECK_NOTHROW(publisher.check({}));
  rd_kafka_mock_broker_set_down(kafka.get(), -1);
  KafkaPublisher another(properties(kafka.bootstrap(), more), kQuiet);
  CHECK(thrown_by([&] { another.check({}); }).status() == ExitStatus::kUnavailable);
}

TEST_CASE("a broker further away than the slices of a wait is waited for") {
  MockKafka kafka;
  kafka.create("t", 1);
  rd_kafka_mock_broker_set_rtt(kafka.get(), -1, 200);
  KafkaPublisher publisher(properties(kafka.bootstrap()), kQuiet);
  CHECK_NOTHROW(publisher.check({"t"}));
}

TEST_CASE("librdkafka's own lines stay off stderr unless asked for") {
  const auto lines = [](LogLevel level) {
    std::FILE* const file = std::tmpfile();
    const int saved = ::dup(STDERR_FILENO);
    ::dup2(::fileno(file), STDERR_FILENO);
    const Log log(level);
    {
      KafkaPublisher publisher(properties(closed_port()), log);
      thrown_by([&] { publisher.check({"t"}); });
    }
    ::dup2(saved, STDERR_FILENO);
    ::close(saved);
    const off_t size = ::lseek(::fileno(file), 0, SEEK_END);
    static_cast<void>(std::fclose(file));
    return size;
  };
  CHECK(lines(LogLevel::kInfo) == 0);
  CHECK(lines(LogLevel::kDebug) > 0);
}

TEST_CASE("a partition without a leader is unavailable and named") {
  MockKafka kafka;
  kafka.create("t", 3);
  rd_kafka_mock_partition_set_leader(kafka.get(), "t", 1, -1);
  KafkaPublisher publisher(properties(kafka.bootstrap()), kQuiet);
  const Error error = refused_check(publisher);
  CHECK(error.status() == ExitStatus::kUnavailable);
  CHECK(contains(error.what(), "topic t: partition 1 has no leader"));
}

TEST_CASE("a leader elected within a second is waited for") {
  MockKafka kafka;
  kafka.create("t", 1);
  rd_kafka_mock_partition_set_leader(kafka.get(), "t", 0, -1);
  std::thread election([&] {
    std::this_thread::sleep_for(milliseconds(200));
    rd_kafka_mock_partition_set_leader(kafka.get(), "t", 0, 1);
  });
  KafkaPublisher publisher(properties(kafka.bootstrap()), kQuiet);
  CHECK_NOTHROW(publisher.check({"t"}));
  election.join();
}

TEST_CASE("an unknown topic is a configuration error, in every later check, too") {
  MockKafka kafka;
  kafka.create("t", 1);
  kafka.create("another", 1);
  rd_kafka_mock_topic_set_error(kafka.get(), "t", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
  KafkaPublisher publisher(properties(kafka.bootstrap()), kQuiet);
  const Error error = refused_check(publisher);
  CHECK(error.status() == ExitStatus::kConfig);
  CHECK(contains(error.what(), "topic t"));
  CHECK(contains(error.hint(), "create"));

  rd_kafka_mock_topic_set_error(kafka.get(), "t", kFine);
  CHECK(refused_check(publisher).status() == ExitStatus::kConfig);
  CHECK_NOTHROW(publisher.check({"another"}));
}

TEST_CASE("a topic that the user may not see is refused, the others are not") {
  MockKafka kafka;
  kafka.create("t", 1);
  kafka.create("u", 1);
  KafkaPublisher publisher(properties(kafka.bootstrap()), kQuiet, {}, milliseconds(0));
  CHECK_NOTHROW(publisher.check({"t", "u"}));
  rd_kafka_mock_topic_set_error(kafka.get(), "t", RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
  const Error error = thrown_by([&] { publisher.check({"t", "u"}); });
  CHECK(error.status() == ExitStatus::kRefused);
  CHECK(contains(error.what(), "topic t"));
  CHECK_NOTHROW(publisher.check({"u"}));
}

TEST_CASE("an answer is fresh for a while, and no longer") {
  MockKafka kafka;
  kafka.create("t", 1);
  KafkaPublisher remembers(properties(kafka.bootstrap()), kQuiet);
  KafkaPublisher forgets(properties(kafka.bootstrap()), kQuiet, {}, milliseconds(0));
  remembers.check({"t"});
  forgets.check({"t"});
  rd_kafka_mock_partition_set_leader(kafka.get(), "t", 0, -1);
  CHECK_NOTHROW(remembers.check({"t"}));
  CHECK(refused_check(forgets).status() == ExitStatus::kUnavailable);
}

TEST_CASE("no answer is fresh after a connection was lost") {
  MockKafka kafka;
  kafka.create("t", 1);
  KafkaPublisher publisher(properties(kafka.bootstrap()), kQuiet, {}, std::chrono::hours(1));
  publisher.check({"t"});
  rd_kafka_mock_broker_set_down(kafka.get(), -1);
  ExitStatus status = ExitStatus::kOk;
  for (int i = 0; i < 1'000 && status == ExitStatus::kOk; ++i) {  // until it has noticed
    status = refused_check(publisher).status();
    std::this_thread::sleep_for(milliseconds(10));
  }
  CHECK(status == ExitStatus::kUnavailable);
}

TEST_CASE("no answer is fresh after a record that was not delivered") {
  MockKafka kafka;
  kafka.create("t", 1);
  KafkaPublisher publisher(properties(kafka.bootstrap(), kNotIdempotent), kQuiet);
  publisher.check({"t"});
  rd_kafka_mock_partition_set_leader(kafka.get(), "t", 0, -1);
  kafka.answer(MockKafka::kProduce, {RD_KAFKA_RESP_ERR_UNKNOWN});
  CHECK(publisher.publish(records(1), milliseconds(200)).front().state == State::kUndelivered);
  CHECK(refused_check(publisher).status() == ExitStatus::kUnavailable);
}

TEST_CASE("a cluster without idempotence is a configuration error that names the profile") {
  MockKafka kafka;
  kafka.create("t", 1);
  rd_kafka_mock_set_apiversion(kafka.get(), MockKafka::kInitProducerId, -1, -1);
  KafkaPublisher publisher(properties(kafka.bootstrap()), kQuiet);
  const Error error = refused_check(publisher);
  CHECK(error.status() == ExitStatus::kConfig);
  CHECK(contains(error.hint(), "--kafka-profile oci-streaming"));

  const Delivery delivery = publisher.publish(records(1), kPatience).front();
  CHECK(delivery.state == State::kUndelivered);
  CHECK(delivery.status == ExitStatus::kConfig);

  KafkaPublisher profile(properties(kafka.bootstrap(), kNotIdempotent), kQuiet);
  CHECK_NOTHROW(profile.check({"t"}));
}

TEST_CASE("a user who may write nowhere is refused before anything is taken") {
  MockKafka kafka;
  kafka.create("t", 1);
  kafka.answer(MockKafka::kInitProducerId, {RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED});
  KafkaPublisher publisher(properties(kafka.bootstrap()), kQuiet);
  CHECK(refused_check(publisher).status() == ExitStatus::kRefused);
}

TEST_CASE("a record too large for the client is refused alone, the other 19 arrive") {
  MockKafka kafka;
  kafka.create("t", 1);
  KafkaPublisher publisher(properties(kafka.bootstrap()), kQuiet);
  std::vector<Record> sent = records(20);
  sent[7].value.assign(1'100'000, 'x');
  const std::vector<Delivery> fates = publisher.publish(sent, kPatience);
  for (std::size_t i = 0; i < fates.size(); ++i) {
    CHECK(fates[i].state == (i == 7 ? State::kRefused : State::kAcknowledged));
  }
  CHECK(contains(fates[7].reason, "too large"));
  CHECK(kafka.read("t", 1).size() == 19);
}

TEST_CASE("records that a broker refuses in company are tried again, one by one") {
  const bool idempotent = GENERATE(false, true);
  MockKafka kafka;
  kafka.create("t", 1);
  KafkaPublisher publisher(
      properties(kafka.bootstrap(), idempotent ? Properties() : kNotIdempotent), kQuiet);
  publisher.check({"t"});

  SECTION("all are stored when only the request was too large") {
    kafka.answer(MockKafka::kProduce, {kTooLarge});
    CHECK(states(publisher.publish(records(5), kPatience)) ==
          std::vector<State>(5, State::kAcknowledged));
    CHECK(values(kafka.read("t", 1)) == std::vector<std::string>{"v0", "v1", "v2", "v3", "v4"});
  }
  SECTION("only the one that is refused alone is refused") {
    kafka.answer(MockKafka::kProduce, {kTooLarge, kFine, kFine, kTooLarge});
    const auto fates = publisher.publish(records(5), kPatience);
    CHECK(states(fates) == std::vector<State>{State::kAcknowledged, State::kAcknowledged,
                                              State::kRefused, State::kAcknowledged,
                                              State::kAcknowledged});
    CHECK(contains(fates[2].reason, "topic t"));
    CHECK(values(kafka.read("t", 1)) == std::vector<std::string>{"v0", "v1", "v3", "v4"});
  }
  SECTION("an invalid record is refused, too") {
    kafka.answer(MockKafka::kProduce, {RD_KAFKA_RESP_ERR_INVALID_RECORD});
    CHECK(publisher.publish(records(1), kPatience).front().state == State::kRefused);
  }
}

TEST_CASE("after a second try the newest record of a key is still the last one stored") {
  MockKafka kafka;
  kafka.create("t", 1);
  Properties two_a_request = kNotIdempotent;
  two_a_request["batch.num.messages"] = "2";
  KafkaPublisher publisher(properties(kafka.bootstrap(), two_a_request), kQuiet);
  publisher.check({"t"});
  kafka.answer(MockKafka::kProduce, {kTooLarge});
  const std::vector<Record> sent = {record("a", "a1"), record("b", "b1"), record("a", "a2"),
                                    record("c", "c1")};
  CHECK(states(publisher.publish(sent, kPatience)) == std::vector<State>(4, State::kAcknowledged));
  CHECK(values(kafka.read("t", 1)) == std::vector<std::string>{"a2", "c1", "a1", "b1", "a2"});
}

TEST_CASE("a request that fails and is sent again leaves the newest record of a key the last one") {
  MockKafka kafka;
  kafka.create("t", 1);
  rd_kafka_mock_broker_set_rtt(kafka.get(), 1, 50);
  Properties split = kNotIdempotent;
  split["batch.num.messages"] = GENERATE("1", "2");
  KafkaPublisher publisher(properties(kafka.bootstrap(), split), kQuiet);
  publisher.check({"t"});
  kafka.answer(MockKafka::kProduce, {RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT});
  CHECK(states(publisher.publish(records(6), kPatience)) ==
        std::vector<State>(6, State::kAcknowledged));
  const std::vector<Stored> stored = kafka.read("t", 1);
  REQUIRE(stored.size() > 6);  // the requests did overtake each other
  CHECK(last_places(stored) == values(records(6)));
}

TEST_CASE("records of other keys are not published again when one key's overtook each other") {
  MockKafka kafka;
  kafka.create("t", 1);
  rd_kafka_mock_broker_set_rtt(kafka.get(), 1, 50);
  Properties split = kNotIdempotent;
  split["batch.num.messages"] = "2";
  KafkaPublisher publisher(properties(kafka.bootstrap(), split), kQuiet);
  publisher.check({"t"});
  kafka.answer(MockKafka::kProduce, {RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT});
  publisher.publish(
      std::vector{record("a", "a1"), record("b", "b1"), record("a", "a2"), record("c", "c1")},
      kPatience);
  CHECK(values(kafka.read("t", 1)) == std::vector<std::string>{"a2", "c1", "a1", "b1", "a2"});
}

// A broker that knows a request already says so without an offset.
TEST_CASE("a record stored nobody knows where is followed by the later ones of its key") {
  MockKafka kafka;
  kafka.create("t", 1);
  KafkaPublisher publisher(properties(kafka.bootstrap()), kQuiet);
  publisher.check({"t"});
  publisher.publish(records(1), kPatience);  // a sequence begins
  kafka.answer(MockKafka::kProduce, {RD_KAFKA_RESP_ERR_DUPLICATE_SEQUENCE_NUMBER});
  CHECK(states(publisher.publish(std::vector{record("a", "a1"), record("a", "a2")}, kPatience)) ==
        std::vector<State>(2, State::kAcknowledged));
  CHECK(values(kafka.read("t", 1)) == std::vector<std::string>{"v0", "a2"});
}

TEST_CASE("records for a topic already known to fail are undelivered, and the process lives") {
  MockKafka kafka;
  kafka.create("t", 1);
  KafkaPublisher publisher(properties(kafka.bootstrap()), kQuiet);
  publisher.check({"t"});
  kafka.answer(MockKafka::kProduce,
               std::vector<rd_kafka_resp_err_t>(10, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED));
  for (int i = 0; i < 3; ++i) {
    for (const Delivery& delivery : publisher.publish(records(3), kPatience)) {
      CHECK(delivery.state == State::kUndelivered);
    }
  }
}

TEST_CASE("a topic that may not be written to stops later checks, not the other topics") {
  MockKafka kafka;
  kafka.create("t", 1);
  kafka.create("u", 1);
  KafkaPublisher publisher(properties(kafka.bootstrap()), kQuiet);
  publisher.check({"t", "u"});
  kafka.answer(MockKafka::kProduce, {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED});
  const auto fates = publisher.publish(records(3), kPatience);
  for (const Delivery& delivery : fates) {
    CHECK(delivery.state == State::kUndelivered);
    CHECK(delivery.status == ExitStatus::kRefused);
    CHECK(contains(delivery.reason, "topic t"));
  }
  CHECK(refused_check(publisher).status() == ExitStatus::kRefused);
  CHECK_NOTHROW(publisher.check({"u"}));
}

TEST_CASE("a name that cannot be a topic's is a configuration error") {
  const std::string name = GENERATE(std::string(), std::string(600, 't'));
  MockKafka kafka;
  KafkaPublisher publisher(properties(kafka.bootstrap()), kQuiet);
  CHECK(refused_check(publisher, name).status() == ExitStatus::kConfig);
  CHECK(publisher.publish(std::vector{record("k", "v", name)}, kPatience).front().status ==
        ExitStatus::kConfig);
}

TEST_CASE("a connection lost on the way is made again, and the records arrive") {
  MockKafka kafka;
  kafka.create("t", 1);
  KafkaPublisher publisher(properties(kafka.bootstrap()), kQuiet);
  publisher.check({"t"});
  kafka.answer(MockKafka::kProduce, {RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR__TRANSPORT});
  CHECK(states(publisher.publish(records(5), kPatience)) ==
        std::vector<State>(5, State::kAcknowledged));
  CHECK(values(kafka.read("t", 1)) == std::vector<std::string>{"v0", "v1", "v2", "v3", "v4"});
  CHECK_NOTHROW(publisher.check({"t"}));
}

TEST_CASE("when the patience is over all is undelivered, and the next call works again") {
  const bool idempotent = GENERATE(false, true);
  MockKafka kafka;
  kafka.create("t", 1);
  KafkaPublisher publisher(
      properties(kafka.bootstrap(), idempotent ? Properties() : kNotIdempotent), kQuiet);
  publisher.check({"t"});

  SECTION("with the broker gone") {
    rd_kafka_mock_broker_set_down(kafka.get(), -1);
    const auto fates = publisher.publish(records(20), milliseconds(300));
    CHECK(states(fates) == std::vector<State>(20, State::kUndelivered));
    CHECK(fates.front().status == ExitStatus::kPending);
    CHECK(contains(fates.front().reason, "Kafka: "));
    rd_kafka_mock_broker_set_up(kafka.get(), -1);
  }
  SECTION("with a broker that does not answer") {
    rd_kafka_mock_broker_set_rtt(kafka.get(), 1, 60'000);
    CHECK(states(publisher.publish(records(20), milliseconds(300))) ==
          std::vector<State>(20, State::kUndelivered));
    rd_kafka_mock_broker_set_rtt(kafka.get(), 1, 0);
    rd_kafka_mock_broker_set_down(kafka.get(), -1);  // and with it what it still had to say
    rd_kafka_mock_broker_set_up(kafka.get(), -1);
  }
  SECTION("with no patience at all") {
    CHECK(states(publisher.publish(records(20), milliseconds(0))) ==
          std::vector<State>(20, State::kUndelivered));
  }
  const auto next = publisher.publish(records(2), kPatience);
  INFO(next.front().reason);
  CHECK(states(next) == std::vector<State>(2, State::kAcknowledged));
}

TEST_CASE("nothing is delivered behind the caller's back") {
  MockKafka kafka;
  kafka.create("t", 1);
  KafkaPublisher publisher(properties(kafka.bootstrap()), kQuiet);
  publisher.check({"t"});
  rd_kafka_mock_broker_set_down(kafka.get(), -1);
  CHECK(publisher.publish(std::vector{record("k", "late")}, milliseconds(300)).front().state ==
        State::kUndelivered);
  rd_kafka_mock_broker_set_up(kafka.get(), -1);
  publisher.publish(std::vector{record("k", "again")}, kPatience);
  CHECK(values(kafka.read("t", 1)) == std::vector<std::string>{"again"});
}

TEST_CASE("a full queue is waited for, while there is patience") {
  MockKafka kafka;
  kafka.create("t", 1);
  const Properties small = {{"queue.buffering.max.messages", "2"}, {"linger.ms", "0"}};
  KafkaPublisher publisher(properties(kafka.bootstrap(), small), kQuiet);
  CHECK(states(publisher.publish(records(20), kPatience)) ==
        std::vector<State>(20, State::kAcknowledged));
  rd_kafka_mock_broker_set_down(kafka.get(), -1);
  CHECK(states(publisher.publish(records(20), milliseconds(300))) ==
        std::vector<State>(20, State::kUndelivered));
}

TEST_CASE("reports of success alone cannot be switched off") {
  MockKafka kafka;
  kafka.create("t", 1);
  KafkaPublisher publisher(properties(kafka.bootstrap(), {{"delivery.report.only.error", "true"}}),
                           kQuiet);
  CHECK(publisher.publish(records(1), kPatience).front().state == State::kAcknowledged);
}

TEST_CASE("several threads publish at once, each learns its own records' fate") {
  MockKafka kafka;
  kafka.create("t", 4);
  KafkaPublisher publisher(properties(kafka.bootstrap(), {{"linger.ms", "0"}}), kQuiet);
  std::array<std::vector<State>, 8> seen;
  std::array<std::thread, seen.size()> threads;
  for (std::size_t i = 0; i < seen.size(); ++i) {
    threads[i] = std::thread([&, i] {
      std::vector<Record> sent = records(20, "key " + std::to_string(i));
      sent[i].value.assign(1'100'000, 'x');
      publisher.check({"t"});
      seen[i] = states(publisher.publish(sent, kPatience));
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  for (std::size_t i = 0; i < seen.size(); ++i) {
    std::vector<State> expected(20, State::kAcknowledged);
    expected[i] = State::kRefused;
    CHECK(seen[i] == expected);
  }
  CHECK(kafka.read("t", 4).size() == seen.size() * 19);
}

TEST_CASE("of several threads that check at once one asks, and all hear the answer") {
  MockKafka kafka;
  kafka.create("t", 1);
  rd_kafka_mock_broker_set_rtt(kafka.get(), 1, 500);
  KafkaPublisher publisher(properties(kafka.bootstrap(), kNotIdempotent), kQuiet);
  const auto [heard, took] = checked_by_eight(publisher);
  CHECK(std::count(heard.begin(), heard.end(), ExitStatus::kOk) == 8);
  CHECK(took < seconds(5));  // one request in flight: eight times take over six
}

TEST_CASE("of several threads that check a dead cluster none waits for the others") {
  KafkaPublisher publisher(properties(closed_port()), kQuiet);
  const auto [heard, took] = checked_by_eight(publisher);
  CHECK(std::count(heard.begin(), heard.end(), ExitStatus::kUnavailable) == 8);
  CHECK(took < seconds(7));
}

TEST_CASE("several threads run out of patience at once") {
  MockKafka kafka;
  kafka.create("t", 1);
  KafkaPublisher publisher(properties(kafka.bootstrap()), kQuiet);
  publisher.check({"t"});
  rd_kafka_mock_broker_set_down(kafka.get(), -1);
  std::array<std::vector<State>, 4> seen;
  std::array<std::thread, seen.size()> threads;
  for (std::size_t i = 0; i < seen.size(); ++i) {
    threads[i] = std::thread(
        [&, i] { seen[i] = states(publisher.publish(records(20), milliseconds(200))); });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  for (const auto& mine : seen) {
    CHECK(mine == std::vector<State>(20, State::kUndelivered));
  }
}

TEST_CASE("a publisher ends while its brokers are out of reach") {
  std::optional<KafkaPublisher> publisher;
  publisher.emplace(properties(closed_port()), kQuiet);
  publisher->publish(records(5), milliseconds(100));
  publisher.reset();
  SUCCEED("no hang");
}
