// What an earlier run published is looked for before it is published again.

#include "kafka/tails.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "kafka/publisher.h"
#include "support/catch.h"
#include "support/mock_kafka.h"

using namespace ohip;  // NOLINT(google-build-using-namespace)
using std::chrono::seconds;

namespace {

using Properties = std::map<std::string, std::string>;
using State = Delivery::State;

const Log kQuiet(LogLevel::kError);
constexpr seconds kPatience(30);
constexpr int kFetch = 1;
constexpr int kListOffsets = 2;

Properties properties(const MockKafka& kafka, const Properties& more = {}) {
  Properties all = {{"bootstrap.servers", kafka.bootstrap()},
                    {"enable.idempotence", "true"},
                    {"partitioner", "murmur2_random"},
                    {"linger.ms", "5"}};
  for (const auto& [name, value] : more) {
    all[name] = value;
  }
  return all;
}

Record record(const std::string& id, const std::string& value, const std::string& key = "k",
              const std::string& request = "request") {
  return {"t",
          key,
          value,
          {{"ce_id", id}, {"ce_requestid", request}},
          std::chrono::floor<TimePoint::duration>(std::chrono::system_clock::now()),
          {}};
}

std::vector<Record> batch(int count, const std::string& request = "request") {
  std::vector<Record> records;
  for (int i = 0; i < count; ++i) {
    const std::string number = std::to_string(i);
    records.push_back(record("id" + number, "v" + number, "key" + std::to_string(i % 3), request));
  }
  return records;
}

// By a run of its own.
void earlier(const MockKafka& kafka, const std::vector<Record>& records,
             const Properties& more = {}) {
  KafkaPublisher publisher(properties(kafka, more), kQuiet);
  for (const Delivery& delivery : publisher.publish(records, kPatience)) {
    REQUIRE(delivery.state == State::kAcknowledged);
  }
}

std::vector<Delivery> rest(const MockKafka& kafka, const std::vector<Record>& records) {
  KafkaPublisher publisher(properties(kafka), kQuiet);
  return publisher.publish_rest(records, kPatience);
}

std::vector<std::string> stored(const MockKafka& kafka, int partitions = 1) {
  std::vector<std::string> values;
  for (const Stored& one : kafka.read("t", partitions)) {
    values.push_back(one.value);
  }
  return values;
}

std::ptrdiff_t count(const std::vector<Delivery>& fates, bool Delivery::*flag) {
  return std::count_if(fates.begin(), fates.end(), [flag](const Delivery& one) {
    return one.state == State::kAcknowledged && one.*flag;
  });
}

}  // namespace

TEST_CASE("of a batch the part that is there is not published again, the rest is, in order") {
  const int partitions = GENERATE(1, 4);
  const std::size_t there = GENERATE(0U, 1U, 7U, 20U);
  MockKafka kafka;
  kafka.create("t", partitions);
  const std::vector<Record> records = batch(20);
  earlier(kafka, {records.begin(), records.begin() + static_cast<std::ptrdiff_t>(there)});
  const std::vector<Delivery> fates = rest(kafka, records);
  CHECK(count(fates, &Delivery::already_there) == static_cast<std::ptrdiff_t>(there));
  CHECK(count(fates, &Delivery::perhaps_twice) == 0);
  std::vector<std::string> values = stored(kafka, partitions);
  if (partitions > 1) {
    std::sort(values.begin(), values.end());
  }
  std::vector<std::string> expected;
  for (const Record& one : records) {
    expected.push_back(one.value);
  }
  if (partitions > 1) {
    std::sort(expected.begin(), expected.end());
  }
  CHECK(values == expected);
}

TEST_CASE("what looks alike and is not the same is published") {
  MockKafka kafka;
  kafka.create("t", 1);
  earlier(kafka, {record("1", "one"), record("2", "two")});
  const auto published = [&](const Record& one) {
    return count(rest(kafka, {one}), &Delivery::already_there) == 0;
  };
  CHECK_FALSE(published(record("1", "one")));
  CHECK(published(record("1", "one, mended by a person")));
  CHECK(published(record("3", "one")));
  CHECK(published(record("1", "one", "k", "another request")));
  Record bare = record("1", "one");
  bare.headers.clear();
  CHECK(published(bare));
  CHECK(stored(kafka).size() == 6);
}

TEST_CASE(
    "an event that OHIP handed out twice in one answer is there as often as it was published") {
  MockKafka kafka;
  kafka.create("t", 1);
  earlier(kafka, {record("1", "one")});
  const std::vector<Record> twice = {record("1", "one"), record("1", "one")};
  CHECK(count(rest(kafka, twice), &Delivery::already_there) == 1);
  CHECK(count(rest(kafka, twice), &Delivery::already_there) == 2);
  CHECK(stored(kafka) == std::vector<std::string>{"one", "one"});
}

TEST_CASE(
    "where a later record of a key is there without the earlier one, the newest is still last") {
  MockKafka kafka;
  kafka.create("t", 1);
  const std::vector<Record> records = {record("1", "a1"), record("2", "a2"), record("3", "a3")};
  earlier(kafka, {records[1]});
  rest(kafka, records);
  CHECK(stored(kafka) == std::vector<std::string>{"a2", "a1", "a2", "a3"});
}

TEST_CASE("records of others, compressed ones and those of other batches do not matter") {
  MockKafka kafka;
  kafka.create("t", 1);
  std::vector<Record> others;
  for (int i = 0; i < 300; ++i) {
    others.push_back({"t", "other", "x" + std::to_string(i), {}, {}, {}});
  }
  const std::vector<Record> records = batch(20);
  earlier(kafka, batch(20, "another"), {{"compression.type", "gzip"}});
  earlier(kafka, {records.begin(), records.begin() + 9}, {{"compression.type", "lz4"}});
  earlier(kafka, others, {{"compression.type", "gzip"}});
  CHECK(count(rest(kafka, records), &Delivery::already_there) == 9);
  CHECK(stored(kafka).size() == 300 + 20 + 20);
}

TEST_CASE("who may not read, or not in time, publishes as a whole, and says that it may be twice") {
  MockKafka kafka;
  kafka.create("t", 1);
  earlier(kafka, batch(5));
  KafkaPublisher publisher(properties(kafka), kQuiet);
  publisher.check({"t"});
  SECTION("Read is not granted") {
    kafka.answer(kFetch, std::vector<rd_kafka_resp_err_t>(
                             100, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED));
  }
  SECTION("offsets are not told") {
    kafka.answer(kListOffsets, std::vector<rd_kafka_resp_err_t>(
                                   100, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED));
  }
  SECTION("no answer comes in time") {
    kafka.answer(kFetch, std::vector<rd_kafka_resp_err_t>(
                             10'000, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION));
  }
  const auto fates = publisher.publish_rest(batch(5), seconds(6));
  CHECK(count(fates, &Delivery::perhaps_twice) == 5);
  CHECK(count(fates, &Delivery::already_there) == 0);
  rd_kafka_mock_clear_request_errors(kafka.get(), kFetch);
  rd_kafka_mock_clear_request_errors(kafka.get(), kListOffsets);
  CHECK(stored(kafka).size() == 10);
}

TEST_CASE("whether one may look can be asked without an event") {
  MockKafka kafka;
  kafka.create("t", 3);
  earlier(kafka, batch(5));
  CHECK(KafkaPublisher(properties(kafka), kQuiet).cannot_look("t", kPatience).empty());
  kafka.answer(kListOffsets,
               std::vector<rd_kafka_resp_err_t>(100, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED));
  const std::string why = KafkaPublisher(properties(kafka), kQuiet).cannot_look("t", kPatience);
  INFO(why);
  CHECK(why.find("topic t: ") != std::string::npos);
  CHECK(why.find("authorization") != std::string::npos);
}

TEST_CASE("after a publishing of unknown end the same run looks again") {
  MockKafka kafka;
  kafka.create("t", 1);
  KafkaPublisher publisher(properties(kafka, {{"enable.idempotence", "false"}}), kQuiet);
  CHECK(count(publisher.publish_rest(batch(3, "first"), kPatience), &Delivery::already_there) == 0);
  kafka.answer(MockKafka::kProduce, {RD_KAFKA_RESP_ERR_UNKNOWN});
  std::vector<Record> records = batch(4);
  for (Record& one : records) {
    one.timestamp -= seconds(10);  // so that it is not its time that asks for another look
  }
  CHECK(publisher.publish(records, kPatience).front().state == State::kUndelivered);
  earlier(kafka, {records[0], records[1]});  // it had come through all the same
  CHECK(count(publisher.publish_rest(records, kPatience), &Delivery::already_there) == 2);
  CHECK(stored(kafka).size() == 3 + 4);
}

TEST_CASE("of more copies than are wanted the last ones count, which are what order goes by") {
  MockKafka kafka;
  kafka.create("t", 1);
  const std::vector<Record> records = batch(2);
  for (int copy = 0; copy < 3; ++copy) {
    earlier(kafka, records);
  }
  const auto fates = rest(kafka, records);
  REQUIRE(count(fates, &Delivery::already_there) == 2);
  CHECK(fates[0].offset == 4);
  CHECK(fates[1].offset == 5);
}

TEST_CASE("a run that could not look does not try again") {
  MockKafka kafka;
  kafka.create("t", 1);
  earlier(kafka, batch(3));
  KafkaPublisher publisher(properties(kafka), kQuiet);
  kafka.answer(kListOffsets,
               std::vector<rd_kafka_resp_err_t>(100, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED));
  CHECK(count(publisher.publish_rest(batch(1, "first"), kPatience), &Delivery::perhaps_twice) == 1);
  rd_kafka_mock_clear_request_errors(kafka.get(), kListOffsets);
  CHECK(count(publisher.publish_rest(batch(3), kPatience), &Delivery::perhaps_twice) == 3);
}

TEST_CASE("the last records of a partition are read whatever their times, and not many more") {
  MockKafka kafka;  // which knows no times
  kafka.create("t", 1);
  const std::vector<Record> records = batch(6);
  const std::vector<Record> others(498, Record{"t", "other", "x", {}, {}, {}});
  earlier(kafka, records);
  earlier(kafka, others);
  CHECK(count(rest(kafka, {records[4], records[5]}), &Delivery::already_there) == 2);
  CHECK(count(rest(kafka, {records[0]}), &Delivery::already_there) == 0);
}

TEST_CASE("a leader that changes while the tail is read is followed") {
  MockKafka kafka(3);
  kafka.create("t", 1);
  rd_kafka_mock_partition_set_leader(kafka.get(), "t", 0, 1);
  const std::vector<Record> records = batch(20);
  std::vector<Record> others;
  for (int i = 0; i < 400; ++i) {
    others.push_back({"t", "other", std::string(5'000, 'x'), {}, records.front().timestamp, {}});
  }
  earlier(kafka, {records.begin(), records.begin() + 9});
  earlier(kafka, others);
  KafkaPublisher publisher(properties(kafka), kQuiet);
  publisher.check({"t"});
  for (int broker = 1; broker <= 3; ++broker) {
    rd_kafka_mock_broker_set_rtt(kafka.get(), broker, 40);
  }
  std::thread elections([&] {
    for (int i = 0; i < 10; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(30));
      rd_kafka_mock_partition_set_leader(kafka.get(), "t", 0, 1 + i % 3);
    }
    rd_kafka_mock_partition_set_leader(kafka.get(), "t", 0, 2);
  });
  const auto fates = publisher.publish_rest(records, kPatience);
  elections.join();
  CHECK(count(fates, &Delivery::already_there) == 9);
  CHECK(count(fates, &Delivery::perhaps_twice) == 0);
}

TEST_CASE("one broker of several that does not answer keeps nobody from looking") {
  MockKafka kafka(4);
  kafka.create("t", 2);
  for (int partition = 0; partition < 2; ++partition) {
    rd_kafka_mock_partition_set_leader(kafka.get(), "t", partition, 1 + partition);
  }
  earlier(kafka, batch(5));
  KafkaPublisher publisher(properties(kafka), kQuiet);
  publisher.check({"t"});
  rd_kafka_mock_broker_set_rtt(kafka.get(), 3, 60'000);
  rd_kafka_mock_broker_set_down(kafka.get(), 4);
  CHECK(count(publisher.publish_rest(batch(5), kPatience), &Delivery::already_there) == 5);
}

// The mock of librdkafka 2.8 dies of a partition that nobody leads; what is seen of one is this.
TEST_CASE("a partition without a leader cannot be looked into, and nobody waits for ever") {
  MockKafka kafka(2);
  kafka.create("t", 2);
  for (int partition = 0; partition < 2; ++partition) {
    rd_kafka_mock_partition_set_leader(kafka.get(), "t", partition, 1 + partition);
  }
  earlier(kafka, batch(5));
  KafkaPublisher publisher(properties(kafka), kQuiet);
  publisher.check({"t"});
  SECTION("its last leader is away") {
    rd_kafka_mock_broker_set_down(kafka.get(), 2);
  }
  SECTION("the brokers say that there is none") {
    kafka.answer(kListOffsets, std::vector(1'000, RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE));
  }
  const auto begin = std::chrono::steady_clock::now();
  const auto fates = publisher.publish_rest(batch(5), seconds(3));
  CHECK(std::chrono::steady_clock::now() - begin < seconds(20));
  CHECK(count(fates, &Delivery::already_there) == 0);
}

TEST_CASE("what another run took and published after the first look is found by a second one") {
  MockKafka kafka;
  kafka.create("t", 1);
  KafkaPublisher publisher(properties(kafka), kQuiet);
  CHECK(count(publisher.publish_rest(batch(3, "first"), kPatience), &Delivery::already_there) == 0);
  const std::vector<Record> later = batch(6);
  earlier(kafka, {later.begin(), later.begin() + 4});
  CHECK(count(publisher.publish_rest(later, kPatience), &Delivery::already_there) == 4);
  CHECK(stored(kafka).size() == 3 + 6);
}

TEST_CASE("one run looks once for the batches of one topic, and again for another topic's") {
  MockKafka kafka;
  kafka.create("t", 1);
  kafka.create("u", 1);
  const std::vector<Record> first = batch(6, "first");
  const std::vector<Record> second = batch(6, "second");
  earlier(kafka, first);
  earlier(kafka, {second.begin(), second.begin() + 2});
  KafkaPublisher publisher(properties(kafka), kQuiet);
  CHECK(count(publisher.publish_rest(first, kPatience), &Delivery::already_there) == 6);
  kafka.answer(kListOffsets,
               std::vector<rd_kafka_resp_err_t>(100, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED));
  CHECK(count(publisher.publish_rest(second, kPatience), &Delivery::already_there) == 2);
  rd_kafka_mock_clear_request_errors(kafka.get(), kListOffsets);
  std::vector<Record> both = batch(2, "third");
  both[1].topic = "u";
  earlier(kafka, {both[1]});
  const auto fates = publisher.publish_rest(both, kPatience);
  CHECK_FALSE(fates[0].already_there);
  CHECK(fates[1].already_there);
}

TEST_CASE("a tail that is too long for the time is given up, and all is published") {
  MockKafka kafka;
  kafka.create("t", 1);
  earlier(kafka, batch(5));
  KafkaPublisher publisher(properties(kafka), kQuiet);
  publisher.check({"t"});
  rd_kafka_mock_broker_set_rtt(kafka.get(), 1, 700);
  const auto begin = std::chrono::steady_clock::now();
  const auto fates = publisher.publish_rest(batch(5), seconds(6));
  CHECK(std::chrono::steady_clock::now() - begin < seconds(20));
  CHECK(count(fates, &Delivery::perhaps_twice) == 5);
  rd_kafka_mock_broker_set_rtt(kafka.get(), 1, 0);
  CHECK(stored(kafka).size() == 10);
}
