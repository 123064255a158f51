// What an earlier run published is found in a real topic, whatever else lies there.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "base/handle.h"
#include "base/log.h"
#include "kafka/cluster/account.h"
#include "kafka/cluster/broker.h"
#include "kafka/cluster/consumer.h"
#include "kafka/cluster/installation.h"
#include "kafka/cluster/relay.h"
#include "kafka/cluster/settings.h"
#include "kafka/publisher.h"
#include "kafka/types.h"
#include "simulator/faults.h"
#include "support/catch.h"

using namespace ohip;        // NOLINT(google-build-using-namespace)
using namespace ohip::test;  // NOLINT(google-build-using-namespace)
using namespace std::chrono_literals;

namespace {

using Properties = std::map<std::string, std::string>;

const Log kQuiet(LogLevel::kError);
constexpr Milliseconds kPatience = 30s;

Properties properties(const Properties& more = {}) {
  Properties all = {{"bootstrap.servers", broker().plaintext()},
                    {"enable.idempotence", "true"},
                    {"partitioner", "murmur2_random"}};
  for (const auto& [name, value] : more) {
    all[name] = value;
  }
  return all;
}

TimePoint now() {
  return std::chrono::floor<TimePoint::duration>(std::chrono::system_clock::now());
}

std::vector<Record> batch(const std::string& topic, TimePoint received = now()) {
  std::vector<Record> records;
  records.reserve(20);
  for (int i = 0; i < 20; ++i) {
    records.push_back({topic,
                       "key" + std::to_string(i % 5),
                       fmt::format("value {} {}", i, std::string(300, 'v')),
                       {{"ce_id", "id" + std::to_string(i)}, {"ce_requestid", "request"}},
                       received,
                       {}});
  }
  return records;
}

std::span<const Record> first(const std::vector<Record>& records, std::size_t count) {
  return std::span(records).first(count);
}

// By a run of its own.
void earlier(std::span<const Record> records, const Properties& more = {}) {
  KafkaPublisher publisher(properties(more), kQuiet);
  for (const Delivery& delivery : publisher.publish(records, kPatience)) {
    REQUIRE(delivery.state == Delivery::State::kAcknowledged);
  }
}

struct Outcome {
  std::size_t found = 0;
  std::size_t perhaps_twice = 0;
  std::chrono::duration<double> took{};
};

Outcome rest(std::span<const Record> records, Milliseconds patience = kPatience) {
  KafkaPublisher publisher(properties(), kQuiet);
  publisher.check({records.front().topic});
  const auto begin = std::chrono::steady_clock::now();
  Outcome outcome;
  for (const Delivery& delivery : publisher.publish_rest(records, patience)) {
    CHECK(delivery.state == Delivery::State::kAcknowledged);
    outcome.found += delivery.already_there ? 1U : 0U;
    outcome.perhaps_twice += delivery.perhaps_twice ? 1U : 0U;
  }
  outcome.took = std::chrono::steady_clock::now() - begin;
  return outcome;
}

// How often the topic holds each of the records.
std::vector<std::ptrdiff_t> copies(const std::vector<Record>& records) {
  const std::vector<Message> stored = consume(broker().plaintext(), records.front().topic);
  std::vector<std::ptrdiff_t> counts;
  counts.reserve(records.size());
  for (const Record& record : records) {
    counts.push_back(std::count_if(stored.begin(), stored.end(), [&](const Message& message) {
      return message.value == record.value;
    }));
  }
  return counts;
}

std::vector<std::ptrdiff_t> each_once() {
  return std::vector<std::ptrdiff_t>(20, 1);
}

// Another program that writes to the same topic.
class Other {
 public:
  explicit Other(const Properties& more = {}) {
    rd_kafka_conf_t* const conf = rd_kafka_conf_new();
    std::array<char, 512> reason{};
    Properties all = {{"bootstrap.servers", broker().plaintext()},
                      {"queue.buffering.max.messages", "2000000"},
                      {"log_level", "0"}};
    all.insert(more.begin(), more.end());
    for (const auto& [name, value] : all) {
      rd_kafka_conf_set(conf, name.c_str(), value.c_str(), reason.data(), reason.size());
    }
    client_.reset(rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason.data(), reason.size()));
    if (!client_) {
      throw std::runtime_error(reason.data());
    }
    if (more.contains("transactional.id")) {
      require(rd_kafka_init_transactions(client_.get(), 30'000));
    }
  }

  void begin() { require(rd_kafka_begin_transaction(client_.get())); }
  void commit() { require(rd_kafka_commit_transaction(client_.get(), 30'000)); }
  void abort() { require(rd_kafka_abort_transaction(client_.get(), 30'000)); }

  // Stored on return, evenly over the partitions.
  void write(const std::string& topic, int count, std::size_t size, int partitions = 1) {
    const Record record{topic, "", std::string(size, 'x'), {{"trace", "0123456789abcdef"}},
                        now(), {}};
    const Handle<rd_kafka_topic_t, rd_kafka_topic_destroy> handle(
        rd_kafka_topic_new(client_.get(), topic.c_str(), nullptr));
    for (int i = 0; i < count; ++i) {
      KafkaHeaders headers = make_headers(record);
      std::vector<rd_kafka_vu_t> all =
          produce_arguments(record, record.value, handle.get(), headers.get(), nullptr);
      rd_kafka_vu_t partition{};
      partition.vtype = RD_KAFKA_VTYPE_PARTITION;
      partition.u.i32 = i % partitions;
      all.push_back(partition);
      const KafkaError error(rd_kafka_produceva(client_.get(), all.data(), all.size()));
      if (error) {
        throw std::runtime_error(rd_kafka_error_string(error.get()));
      }
      static_cast<void>(headers.release());
      rd_kafka_poll(client_.get(), 0);
    }
    if (rd_kafka_flush(client_.get(), 120'000) != RD_KAFKA_RESP_ERR_NO_ERROR) {
      throw std::runtime_error("the others' records do not get into Kafka");
    }
  }

 private:
  static void require(rd_kafka_error_t* error) {
    if (error != nullptr) {
      const std::string text = rd_kafka_error_string(error);
      rd_kafka_error_destroy(error);
      throw std::runtime_error(text);
    }
  }

  Handle<rd_kafka_t, rd_kafka_destroy> client_;
};

}  // namespace

TEST_CASE("what is there is found among compressed records of others, and compressed itself",
          "[look]") {
  const std::string codec = GENERATE("none", "gzip", "snappy", "lz4", "zstd");
  const auto records = batch(broker().new_topic("ohip.look.compressed", 3));
  Other(Properties{{"compression.type", codec}}).write(records.front().topic, 2'000, 200, 3);
  earlier(first(records, 9), {{"compression.type", codec}});
  Other(Properties{{"compression.type", codec}}).write(records.front().topic, 2'000, 200, 3);
  const Outcome outcome = rest(records);
  INFO(codec);
  CHECK(outcome.found == 9);
  CHECK(outcome.perhaps_twice == 0);
  CHECK(copies(records) == each_once());
}

TEST_CASE("transactions of others in the same topic hold nobody up and hide nothing", "[look]") {
  const auto records = batch(broker().new_topic("ohip.look.transactions", 2));
  const std::string& topic = records.front().topic;
  const Properties name = {{"transactional.id", topic}};
  Other ended(name);
  const auto write_all = [&] {
    ended.begin();
    ended.write(topic, 100, 200, 2);
    ended.commit();
    ended.begin();
    ended.write(topic, 100, 200, 2);
    ended.abort();
  };
  write_all();
  earlier(first(records, 7));
  Other open({{"transactional.id", topic + ".open"}});
  open.begin();
  open.write(topic, 100, 200, 2);
  earlier(std::span(records).subspan(7, 6));
  write_all();  // an end of a transaction is each partition's last entry: no record lies there
  const Outcome outcome = rest(records);
  CHECK(outcome.found == 13);
  CHECK(outcome.perhaps_twice == 0);
  CHECK(outcome.took < 20s);
  open.abort();
  CHECK(copies(records) == each_once());
}

TEST_CASE("a log that begins behind the batch is read from where it begins", "[look]") {
  const auto records = batch(broker().new_topic("ohip.look.truncated", 1));
  const std::string& topic = records.front().topic;
  earlier(first(records, 10));
  std::vector<std::ptrdiff_t> expected = each_once();
  std::size_t found = 0;
  SECTION("each key's later record is left: it comes once more, behind the earlier one") {
    broker().admin().delete_records(topic, 0, 5);
    std::fill_n(expected.begin() + 5, 5, 2);
  }
  SECTION("the first key has nothing left, the others all") {
    broker().admin().delete_records(topic, 0, 1);
    expected[5] = 2;
    found = 8;
  }
  SECTION("nothing is left") {
    broker().admin().delete_records(topic, 0, 10);
  }
  const Outcome outcome = rest(records);
  CHECK(outcome.found == found);
  CHECK(outcome.perhaps_twice == 0);
  CHECK(copies(records) == expected);
}

TEST_CASE("a topic that was deleted and made again gets the batch anew", "[look]") {
  const auto records = batch(broker().new_topic("ohip.look.again", 3));
  const std::string& topic = records.front().topic;
  earlier(records);
  broker().admin().delete_topic(topic);
  for (int i = 0; i < 100; ++i) {
    try {
      broker().admin().create_topic(topic, 1);
      break;
    } catch (const std::exception&) {
      std::this_thread::sleep_for(100ms);
    }
  }
  const Outcome outcome = rest(records);
  CHECK(outcome.found == 0);
  CHECK(outcome.perhaps_twice == 0);
  CHECK(copies(records) == each_once());
}

TEST_CASE("a clock that is wrong, or was, hides nothing", "[look]") {
  const std::string times = GENERATE("CreateTime", "LogAppendTime");
  const auto [wrong, others] =
      GENERATE(table<std::chrono::minutes, int>({{60min, 100}, {-60min, 2'000}, {60min, 2'000}}));
  const auto records = batch(
      broker().new_topic("ohip.look.clock", 2, {{"message.timestamp.type", times}}), now() + wrong);
  earlier(first(records, 12));
  Other().write(records.front().topic, others, 100, 2);
  INFO(times << ", " << wrong.count() << " minutes, " << others << " records of others");
  const Outcome outcome = rest(records);
  CHECK(outcome.found == 12);
  CHECK(outcome.perhaps_twice == 0);
  CHECK(copies(records) == each_once());
}

TEST_CASE("a batch is looked for in each of the topics that its events go to", "[look]") {
  const std::string pattern = broker().new_topic("ohip.look.each", 1) + ".{module}.{hotel}";
  std::vector<std::string> topics;
  for (const char* name : {"block.ABC", "block.DEF", "rate.ABC", "rate.DEF"}) {
    topics.push_back(pattern.substr(0, pattern.find('{')) + name);
    broker().admin().create_topic(topics.back(), 2);
  }
  std::vector<std::string> events;
  events.reserve(20);
  for (int i = 0; i < 20; ++i) {
    events.push_back(fmt::format(R"({{"businessEvent":{{"header":{{"moduleName":"{}",)"
                                 R"("primaryKey":"{}","hotelId":"{}"}}}},)"
                                 R"("businessEventId":{{"id":"{}"}}}})",
                                 i % 2 == 0 ? "Block" : "Rate", i % 7, i % 3 == 0 ? "DEF" : "ABC",
                                 i));
  }
  const Installation installation(plaintext(pattern));
  const auto received = std::chrono::system_clock::now() - 5s;
  const auto replay = [&](std::size_t count) {
    installation.leave_behind({events.begin(), events.begin() + static_cast<std::ptrdiff_t>(count)},
                              "earlier", received);
    const Result result = installation.run({"--replay", "--report", "json"});
    INFO(result.err);
    CHECK(result.status == 0);
    return result.out;
  };
  replay(13);
  CHECK(replay(20).find("\"already_there\":13") != std::string::npos);
  CHECK(replay(20).find("\"already_there\":20") != std::string::npos);
  std::vector<Message> stored;
  for (const std::string& topic : topics) {
    const std::vector<Message> some = consume(broker().plaintext(), topic);
    CHECK_FALSE(some.empty());
    stored.insert(stored.end(), some.begin(), some.end());
  }
  const Account account = settle(events, stored);
  CHECK(account.delivered == 20);
  CHECK(account.duplicated == 0);
}

TEST_CASE("where Read is not granted a batch is published as a whole, and -v says why", "[look]") {
  const std::string topic = broker().new_topic("ohip.unread", 3);
  Installation installation(sasl_plain(topic));
  installation.enqueue_changes(20, 10);
  REQUIRE(installation.run().status == 0);
  installation.leave_behind(installation.handed_out(), "earlier", std::chrono::system_clock::now());
  const Result result = installation.run({"--replay", "-v", "--report", "json"});
  INFO(result.err);
  CHECK(result.status == 0);
  CHECK(result.err.find("may come twice") != std::string::npos);
  CHECK(result.err.find("authorization failed") != std::string::npos);
  CHECK(result.out.find("\"duplicates_possible\":20") != std::string::npos);
  CHECK(settle(installation.handed_out(), consume(broker().plaintext(), topic)).duplicated == 20);
}

TEST_CASE("after an outage of an hour each of a thousand batches is in Kafka once", "[look]") {
  const std::string topic = broker().new_topic("ohip.look.outage", 4);
  const Installation installation(with({{"OHIP_DEADLINE", "5m"}}, plaintext(topic)));
  std::vector<std::string> events;
  for (int batch = 0; batch < 1'000; ++batch) {
    const auto begin = static_cast<std::ptrdiff_t>(events.size());
    for (int i = 0; i < 20; ++i) {
      events.push_back(fmt::format(R"({{"businessEvent":{{"header":{{"moduleName":"Block",)"
                                   R"("primaryKey":"{}","hotelId":"ABC"}}}},)"
                                   R"("businessEventId":{{"id":"{}"}}}})",
                                   i % 7, batch * 20 + i));
    }
    installation.leave_behind({events.begin() + begin, events.end()},
                              fmt::format("earlier-{}", batch),
                              std::chrono::system_clock::now() - 1h + batch * 3600ms);
  }
  const auto begin = std::chrono::steady_clock::now();
  const auto killed = installation.start({"--replay"});
  while (installation.spooled(".json").size() > 600) {
    std::this_thread::sleep_for(1ms);
  }
  killed->signal(SIGKILL);
  killed->wait();
  const std::size_t left = installation.spooled(".json").size();
  const Result result = installation.run({"--replay"});
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  INFO(result.err);
  CHECK(result.status == 0);
  std::cout << fmt::format("1,000 batches, killed with {} left: {:.1f} s in all\n", left,
                           took.count());
  const Account account = settle(events, consume(broker().plaintext(), topic));
  CHECK(account.delivered == events.size());
  CHECK(account.duplicated == 0);
  CHECK(account.newest_last);
}

// What cannot be excluded, measured: see docs/guarantees.md.
TEST_CASE("a request that a dead process has under way comes twice only where it arrives later",
          "[.relay]") {
  Relay relay(0ms);
  Broker kafka(relay.port());
  relay.lead_to(kafka.sasl_ssl_port());
  const bool idempotent = GENERATE(true, false);
  const std::chrono::milliseconds wait = GENERATE(0ms, 1'000ms, 3'000ms);
  const std::string topic = kafka.new_topic("ohip.read.relay", 1);
  Environment settings = {{"KAFKA_BOOTSTRAP_SERVERS", fmt::format("127.0.0.1:{}", relay.port())},
                          {"KAFKA_TOPIC", topic},
                          {"KAFKA_SECURITY_PROTOCOL", "SASL_SSL"},
                          {"KAFKA_SSL_CA_LOCATION", kafka.file("ca.pem")},
                          {"KAFKA_SASL_MECHANISM", "PLAIN"},
                          {"KAFKA_ENABLE_IDEMPOTENCE", idempotent ? "true" : "false"},
                          {"KAFKA_SASL_USERNAME", kPlainUser},
                          {"KAFKA_SASL_PASSWORD", kPlainPassword}};
  Installation installation(settings);
  constexpr auto kUnderWay = 2'000ms;
  constexpr std::size_t kAnswer = 8'000;  // bytes: more than all that is said beside its events
  installation.ohip().inject(sim::parse_fault("kind=delay&ms=300"));
  installation.enqueue_changes(20, 1'000);
  const auto process = installation.start({"--once"});
  while (installation.polls() == 0) {
    std::this_thread::sleep_for(1ms);
  }
  relay.delay_requests(kUnderWay);
  for (int i = 0; relay.said() < kAnswer && i < 10'000; ++i) {
    std::this_thread::sleep_for(1ms);
  }
  process->signal(SIGKILL);
  process->wait();
  relay.delay_requests(0ms);
  std::this_thread::sleep_for(wait);
  CHECK(installation.run({"--replay"}).status == 0);
  std::this_thread::sleep_for(2 * kUnderWay);
  const Account account = settle(installation.handed_out(), consume(kafka.plaintext(), topic));
  std::cout << fmt::format("{}, next run {} ms after the kill, request under way for {} ms: ",
                           idempotent ? "idempotent" : "not idempotent", wait.count(),
                           kUnderWay.count())
            << account << '\n';
  CHECK(account.lost == 0);
  CHECK((account.duplicated == 0 || wait < kUnderWay));
}

// build/real_kafka_test '[.million]', by tests/kafka/cluster/suite.
TEST_CASE("a million records of others are read in time, or that is told", "[.million]") {
  const int partitions = GENERATE(1, 4, 12);
  const std::string codec = GENERATE("none", "lz4");
  const std::size_t size = GENERATE(100U, 1'000U);
  const auto records = batch(broker().new_topic("ohip.look.million", partitions));
  earlier(first(records, 9));
  Other({{"compression.type", codec}, {"linger.ms", "50"}})
      .write(records.front().topic, 1'000'000, size, partitions);
  const Outcome outcome = rest(records);
  std::cout << fmt::format("{} partitions, {} bytes, {}: {:.2f} s, {} found, {} perhaps twice\n",
                           partitions, size, codec, outcome.took.count(), outcome.found,
                           outcome.perhaps_twice);
  CHECK(outcome.took < 8s);
  CHECK((outcome.found == 9 || outcome.perhaps_twice == 20));
}
