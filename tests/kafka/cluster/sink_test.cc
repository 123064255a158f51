// Records and the position behind them, in a real Apache Kafka: librdkafka's mock drops what is
// committed in a transaction.

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <set>
#include <stdexcept>
#include <thread>

#include "kafka/cluster/broker.h"
#include "kafka/cluster/consumer.h"
#include "kafka/cluster/settings.h"
#include "kafka/group_client.h"
#include "kafka/plain_sink.h"
#include "kafka/transactional_sink.h"
#include "support/catch.h"

using namespace ohip;
using namespace ohip::test;
using namespace std::chrono_literals;

namespace {

const Log kLog(LogLevel::kError);

using Properties = std::map<std::string, std::string>;

Properties properties(const Properties& more = {}) {
  Properties all = more;
  all.insert({{"bootstrap.servers", broker().plaintext()},
              {"acks", "all"},
              {"enable.idempotence", "true"},
              {"linger.ms", "5"},
              {"max.in.flight", "1"},
              {"message.timeout.ms", "60000"}});
  return all;
}

// A topic and a group of the test's own.
struct Place : GroupPlace {
  explicit Place(const Properties& config = {}, int partitions = 1) {
    static int groups = 0;
    topic = broker().new_topic("ohip.sink", partitions, config);
    group = fmt::format("ohip-stream/127.0.0.1/0123456789ab/CHAIN {}", ++groups);
  }

  Record record(const std::string& value, const std::string& key = "k") const {
    Record record;
    record.topic = topic;
    record.key = key;
    record.value = value;
    record.timestamp =
        std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
    return record;
  }

  std::vector<Record> records(int from, int to, std::size_t size = 0) const {
    std::vector<Record> records;
    for (int i = from; i < to; ++i) {
      records.push_back(record(fmt::format("{:06}{}", i, std::string(size, 'x'))));
    }
    return records;
  }

  // What a consumer of committed records sees; options: for kcat.
  std::vector<std::string> values() const {
    std::vector<std::string> values;
    for (const Message& message :
         consume(broker().plaintext(), topic, {"-X", "isolation.level=read_committed"})) {
      values.push_back(message.value.substr(0, 6));
    }
    return values;
  }
};

std::vector<std::string> numbers(int from, int to) {
  std::vector<std::string> numbers;
  for (int i = from; i < to; ++i) {
    numbers.push_back(fmt::format("{:06}", i));
  }
  return numbers;
}

void none_refused(std::size_t /*index*/, const std::string& reason) {
  FAIL("refused: " << reason);
}

const GroupOffset kFirst{7, R"({"offset":"7"})"};
const GroupOffset kSecond{9, R"({"offset":"9"})"};

// A run of the same transactional id that is killed with a transaction open.
class Killed {
 public:
  explicit Killed(const GroupPlace& place, const Properties& more = {})
      : place_(place),
        client_(
            [&] {
              Properties all = properties(more);
              all.emplace("transactional.id", place.group);
              return all;
            }(),
            kLog, 10s) {
    require(rd_kafka_init_transactions(client_.handle(), 30'000));
    require(rd_kafka_begin_transaction(client_.handle()));
  }

  Killed& stores(const std::vector<Record>& records) {
    for (const Delivery& fate : client_.send(records, std::chrono::steady_clock::now() + 30s)) {
      REQUIRE(fate.state == Delivery::State::kAcknowledged);
    }
    return *this;
  }

  Killed& stores(const GroupOffset& position) { return stores(position, place_); }
  Killed& stores(const GroupOffset& position, const GroupPlace& place) {
    const Handle<rd_kafka_consumer_group_metadata_t, rd_kafka_consumer_group_metadata_destroy>
        group(rd_kafka_consumer_group_metadata_new(place.group.c_str()));
    require(rd_kafka_send_offsets_to_transaction(
        client_.handle(), partition_list(place, position).get(), group.get(), 30'000));
    return *this;
  }

 private:
  static void require(rd_kafka_error_t* result) {
    const KafkaError error(result);
    INFO((error ? rd_kafka_error_string(error.get()) : ""));
    REQUIRE(!error);
  }

  GroupPlace place_;
  KafkaClient client_;
};

// Without the moment that an answer may be behind.
std::optional<GroupOffset> stable(const GroupPlace& place) {
  return GroupClient(properties(), place, true, kLog).ask(30s);
}

// Commits what a run before committed.
void commit_first(const Place& place) {
  TransactionalSink sink(properties(), place, kLog);
  REQUIRE_FALSE(sink.committed());
  REQUIRE_FALSE(sink.take_over());
  sink.commit(place.records(0, 3), kFirst, none_refused);
}

Error failure(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    return error;
  }
  throw std::runtime_error("it did not fail");
}

}  // namespace

TEST_CASE("records and position come together, and are there for the next run", "[sink]") {
  const Place place;
  commit_first(place);
  CHECK(place.values() == numbers(0, 3));
  TransactionalSink next(properties(), place, kLog);
  CHECK(next.take_over() == kFirst);
  next.commit(place.records(3, 5), kSecond, none_refused);
  next.commit({}, GroupOffset{9, "idle"},
              none_refused);  // a run without events keeps it from being forgotten
  CHECK((stable(place) == GroupOffset{9, "idle"}));
  CHECK(place.values() == numbers(0, 5));
}

TEST_CASE("metadata of 4096 bytes comes back whole, one more is a configuration's error",
          "[sink]") {
  const Place place;
  TransactionalSink sink(properties(), place, kLog);
  sink.take_over();
  const GroupOffset most{0, std::string(kMaxOffsetMetadata, 'm')};
  sink.commit({}, most, none_refused);
  CHECK((stable(place) == most));
  const Error error = failure([&] {
    sink.commit({}, GroupOffset{1, most.metadata + "m"}, none_refused);
  });
  CHECK(error.status() == ExitStatus::kConfig);
}

TEST_CASE("what a killed run left open is settled, and its records come once", "[sink]") {
  const Place place;
  commit_first(place);
  Killed killed(place);
  SECTION("killed when the transaction was begun") {}
  SECTION("killed when records were stored") {
    killed.stores(place.records(3, 5));
  }
  SECTION("killed when the position was sent") {
    killed.stores(place.records(3, 5)).stores(kSecond);
  }
  TransactionalSink next(properties(), place, kLog);
  const auto begin = std::chrono::steady_clock::now();
  CHECK(next.committed() == kFirst);  // without waiting for the open transaction's time-out
  CHECK(next.take_over() == kFirst);
  CHECK(std::chrono::steady_clock::now() - begin < 30s);
  next.commit(place.records(3, 5), kSecond, none_refused);
  CHECK(place.values() == numbers(0, 5));
  CHECK((stable(place) == kSecond));
}

TEST_CASE("a position in an open transaction is waited for, never taken for none", "[sink]") {
  const Place place;
  commit_first(place);
  GroupPlace other = place;
  other.group += "/other";
  Killed killed(other, {{"transaction.timeout.ms", "5000"}, {"message.timeout.ms", "5000"}});
  killed.stores(kSecond, place);
  TransactionalSink next(properties(), place, kLog);
  CHECK(next.committed() == kFirst);
  CHECK(next.take_over() == kFirst);  // when that transaction's time is over
}

TEST_CASE("a run that is fenced without reason goes on, once", "[sink]") {
  const Place place;
  commit_first(place);
  TransactionalSink one(properties(), place, kLog);
  CHECK(one.take_over() == kFirst);
  {
    TransactionalSink two(properties(), place, kLog);
    CHECK(two.take_over() == kFirst);
  }
  one.commit(place.records(3, 5), kSecond, none_refused);
  CHECK(place.values() == numbers(0, 5));
  TransactionalSink(properties(), place, kLog).take_over();
  const Error error = failure([&] {
    one.commit(place.records(5, 6), GroupOffset{10, "10"}, none_refused);
  });
  CHECK(error.status() == ExitStatus::kUnavailable);
  CHECK(place.values() == numbers(0, 5));
}

TEST_CASE("a run whose successor has committed leaves it alone", "[sink]") {
  const Place place;
  commit_first(place);
  TransactionalSink one(properties(), place, kLog);
  one.take_over();
  TransactionalSink two(properties(), place, kLog);
  two.take_over();
  two.commit(place.records(3, 5), kSecond, none_refused);
  const Error error = failure([&] {
    one.commit(place.records(3, 4), GroupOffset{8, "8"}, none_refused);
  });
  CHECK(error.status() == ExitStatus::kUnavailable);
  CHECK(std::string(error.what()).find("another producer") != std::string::npos);
  two.commit(place.records(5, 6), GroupOffset{10, "10"},
             none_refused);  // it was not fenced in turn
  CHECK(place.values() == numbers(0, 6));
}

TEST_CASE("a record that Kafka refuses is told of before the others are committed", "[sink]") {
  const Place place(Properties{{"max.message.bytes", "4000"}});
  commit_first(place);
  TransactionalSink sink(properties(), place, kLog);
  sink.take_over();
  std::vector<Record> records = place.records(3, 13);
  std::set<std::size_t> expected = {4};
  SECTION("too large for the topic") {
    records[4].value += std::string(5'000, 'x');
  }
  SECTION("too large for librdkafka") {
    records[4].value += std::string(1'200'000, 'x');
  }
  SECTION("several of them, in different requests") {
    expected = {0, 4, 9};
    for (const std::size_t i : expected) {
      records[i].value += std::string(5'000, 'x');
    }
  }
  std::set<std::size_t> refused;
  sink.commit(records, kSecond, [&](std::size_t index, const std::string& reason) {
    CHECK(reason.find("too large") != std::string::npos);
    CHECK(place.values() == numbers(0, 3));
    CHECK(sink.committed() == kFirst);
    refused.insert(index);
  });
  CHECK(refused == expected);
  std::vector<std::string> rest = numbers(0, 3);
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (!expected.contains(i)) {
      rest.push_back(records[i].value);
    }
  }
  CHECK(place.values() == rest);
  CHECK((stable(place) == kSecond));
  sink.commit(place.records(13, 15), GroupOffset{10, "10"}, none_refused);
  CHECK(place.values().size() == rest.size() + 2);
}

TEST_CASE("a record alone that Kafka refuses leaves a position behind it", "[sink]") {
  const Place place(Properties{{"max.message.bytes", "4000"}});
  TransactionalSink sink(properties(), place, kLog);
  sink.take_over();
  int refused = 0;
  sink.commit(place.records(0, 1, 5'000), kFirst,
              [&](std::size_t, const std::string&) { ++refused; });
  CHECK(refused == 1);
  CHECK((stable(place) == kFirst));
  CHECK(place.values().empty());
}

TEST_CASE("records that only together are too large are all stored", "[sink]") {
  const Place place(Properties{{"max.message.bytes", "4000"}});
  TransactionalSink sink(properties(), place, kLog);
  sink.take_over();
  sink.commit(place.records(0, 10, 900), kFirst, none_refused);
  sink.commit(place.records(10, 20, 900), kSecond, none_refused);
  CHECK(place.values() == numbers(0, 20));
}

TEST_CASE("when all records are refused the fault is not theirs", "[sink]") {
  const Place place(Properties{{"max.message.bytes", "300"}});
  TransactionalSink sink(properties(), place, kLog);
  sink.take_over();
  const Error error =
      failure([&] { sink.commit(place.records(0, 3, 1'000), kFirst, none_refused); });
  CHECK(error.status() == ExitStatus::kConfig);
  CHECK_FALSE(sink.committed());
}

TEST_CASE("what could not be put aside is not left behind", "[sink]") {
  const Place place(Properties{{"max.message.bytes", "4000"}});
  TransactionalSink sink(properties(), place, kLog);
  sink.take_over();
  std::vector<Record> records = place.records(0, 3);
  records[1].value += std::string(5'000, 'x');
  const Error error = failure([&] {
    sink.commit(records, kFirst, [](std::size_t, const std::string&) {
      fail(ExitStatus::kSpool, "the disk is full");
    });
  });
  CHECK(error.status() == ExitStatus::kSpool);
  CHECK_FALSE(sink.committed());
  CHECK(place.values().empty());
}

TEST_CASE("a broker killed and back costs nothing and doubles nothing", "[sink]") {
  const Place place({}, 3);
  int next = 0;
  std::thread killer;
  for (int run = 0; next < 2'000 && run < 10; ++run) {
    TransactionalSink sink(properties(), place, kLog);
    try {
      if (const auto position = sink.take_over()) {
        next = static_cast<int>(position->number);
      }
      for (; next < 2'000; next += 20) {
        if (next == 400 && !killer.joinable()) {
          killer = std::thread([] {
            broker().kill();
            broker().restart();
          });
        }
        sink.commit(place.records(next, next + 20), GroupOffset{next + 20, "m"}, none_refused);
      }
    } catch (const Error& error) {
      UNSCOPED_INFO(error.what());
      CHECK(error.status() == ExitStatus::kUnavailable);
    }
  }
  killer.join();
  broker().wait_until_ready();
  std::vector<std::string> values = place.values();
  std::sort(values.begin(), values.end());
  CHECK(values == numbers(0, 2'000));
}

TEST_CASE("what a user may not do is told with the right to grant", "[sink]") {
  Place place;
  const Environment user = sasl_scram(place.topic);
  if (!scram_works()) {
    return;
  }
  const Properties as_user =
      properties({{"bootstrap.servers", broker().sasl_ssl()},
                  {"security.protocol", "SASL_SSL"},
                  {"ssl.ca.location", broker().file("ca.pem")},
                  {"sasl.mechanism", "SCRAM-SHA-512"},
                  {"sasl.username", kScramUser},
                  {"sasl.password", std::string(kScramUser) + "'s password"}});
  const Error error = failure([&] {
    TransactionalSink sink(as_user, place, kLog);
    sink.check({place.topic});
    sink.committed();
    sink.take_over();
  });
  CHECK(error.status() == ExitStatus::kRefused);
  CHECK(error.hint().find("grant") != std::string::npos);
}

TEST_CASE("without transactions the position is committed behind the records", "[sink]") {
  const Place place(Properties{{"max.message.bytes", "4000"}});
  const Properties plain = properties({{"enable.idempotence", "false"}});
  {
    PlainSink sink(plain, place, kLog);
    sink.check({place.topic});
    CHECK_FALSE(sink.committed());
    CHECK_FALSE(sink.take_over());
    std::vector<Record> records = place.records(0, 3);
    records[1].value += std::string(5'000, 'x');
    std::vector<std::size_t> refused;
    sink.commit(records, kFirst, [&](std::size_t i, const std::string&) {
      CHECK_FALSE(sink.committed());
      refused.push_back(i);
    });
    CHECK(refused == std::vector<std::size_t>{1});
  }
  PlainSink next(plain, place, kLog);
  CHECK(next.take_over() == kFirst);
  CHECK(place.values() == std::vector<std::string>{"000000", "000002"});
}
