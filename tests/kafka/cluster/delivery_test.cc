// What a consumer finds in Kafka is what OHIP handed out, by every way into the cluster.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <sstream>

#include "kafka/cluster/account.h"
#include "kafka/cluster/broker.h"
#include "kafka/cluster/installation.h"
#include "kafka/cluster/java_partition.h"
#include "kafka/cluster/settings.h"
#include "support/catch.h"

using namespace ohip::test;

namespace {

void check_complete(const Account& account) {
  INFO(account);
  CHECK(account.lost == 0);
  CHECK(account.duplicated == 0);
  CHECK(account.foreign == 0);
  CHECK(account.in_order);
}

std::int64_t now_ms() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

// Lines, in the order of the alphabet.
std::vector<std::string> sorted_lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    lines.push_back(line);
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

}  // namespace

TEST_CASE("values are OHIP's bytes, keys lie where Java's partitioner puts them") {
  constexpr int kPartitions = 12;
  const std::string topic = broker().new_topic("ohip.delivery", kPartitions);
  Installation installation(plaintext(topic));
  installation.ohip().enqueue(kHotel, 100);
  const std::int64_t before = now_ms();
  const Result result = installation.run({"--drain"});
  CHECK(result.err.empty());
  REQUIRE(result.status == 0);

  const std::vector<Message> messages = consume(broker().plaintext(), topic);
  check_complete(settle(installation.handed_out(), messages));
  REQUIRE(messages.size() == 100);
  for (const Message& message : messages) {
    INFO(message.key);
    CHECK(message.partition == java_partition(message.key, kPartitions));
    CHECK(message.key.rfind("ABC/", 0) == 0);
    CHECK(message.headers.at("content-type").rfind("application/json", 0) == 0);
    CHECK(message.headers.at("ce_specversion") == "1.0");
    CHECK(message.value.find(message.headers.at("ce_id")) != std::string::npos);
    CHECK(message.headers.at("ce_source").ends_with("/externalSystem/OHIPDEMO"));
    CHECK(message.headers.at("ce_type").rfind("com.oracle.opera.", 0) == 0);
    CHECK(message.headers.at("ce_hotelid") == kHotel);
    CHECK(message.key == "ABC/" + message.key.substr(4, message.key.find('/', 4) - 4) + "/" +
                             message.headers.at("ce_subject"));
    CHECK(message.timestamp >= before);
    CHECK(message.timestamp <= now_ms());
  }
}

TEST_CASE("Kafka's own console consumer reads what OHIP handed out") {
  const std::string topic = broker().new_topic("ohip.console", 3);
  Installation installation(plaintext(topic));
  installation.ohip().enqueue(kHotel, 20);
  REQUIRE(installation.run().status == 0);

  const Result result = run(
      {"/usr/bin/java", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
       "-cp", variable("OHIP_POLL_KAFKA_TOOLS"), "org.apache.kafka.tools.consumer.ConsoleConsumer",
       "--bootstrap-server", broker().plaintext(), "--topic", topic, "--from-beginning",
       "--max-messages", "20", "--timeout-ms", "30000"},
      {});
  INFO(result.err);
  std::vector<std::string> handed_out = installation.handed_out();
  std::sort(handed_out.begin(), handed_out.end());
  CHECK(sorted_lines(result.out) == handed_out);
}

TEST_CASE("each listener takes events with documented settings alone") {
  const auto way = GENERATE(plaintext, sasl_plain, sasl_scram, client_certificate);
  if (way == sasl_scram && !scram_works(Installation::librdkafka())) {
    WARN("SCRAM: the program's librdkafka cannot with this Kafka");
    return;
  }
  const std::string topic = broker().new_topic("ohip.listener", 12);
  const Environment settings = way(topic);
  for (const auto& [name, value] : settings) {
    UNSCOPED_INFO(name << "=" << value);
  }
  Installation installation(settings);
  installation.ohip().enqueue(kHotel, 60);
  const Result check = installation.run({"--check"});
  INFO(check.out << check.err);
  CHECK(check.status == 0);
  CHECK(installation.polls() == 0);
  const Result result = installation.run({"--drain"});
  CHECK(result.err.empty());
  CHECK(result.status == 0);
  check_complete(settle(installation.handed_out(), consume(broker().plaintext(), topic)));
}

TEST_CASE("where librdkafka is too old for SCRAM with this Kafka, the hint says so") {
  if (scram_works(Installation::librdkafka())) {
    return;
  }
  Installation installation(sasl_scram(broker().new_topic("ohip.scram", 1)));
  const Result result = installation.run();
  CHECK(result.status == 77);
  CHECK(result.err.find("2.6.1") != std::string::npos);
}
