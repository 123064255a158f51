// What a person reads who has made a mistake; docs/kafka.md has the table. Nothing is taken.

#include <fmt/format.h>

#include <chrono>
#include <fstream>
#include <sstream>

#include "kafka/cluster/broker.h"
#include "kafka/cluster/consumer.h"
#include "kafka/cluster/installation.h"
#include "kafka/cluster/port.h"
#include "kafka/cluster/settings.h"
#include "support/catch.h"

using namespace ohip::test;

namespace {

struct Mistake {
  const char* what;
  const char* setting;  // the one to mend
  Environment settings;
  int status;
  const char* says;  // on stderr
};

std::vector<Mistake> mistakes() {
  const std::string topic = broker().new_topic("ohip.mistakes", 12);
  const Port nobody;
  const Environment plain = sasl_plain(topic);
  const Environment scram = sasl_scram(topic);
  const Environment certificate = client_certificate(topic);
  const auto user = [&](const std::string& name) {
    return with({{"KAFKA_SASL_USERNAME", name}, {"KAFKA_SASL_PASSWORD", name + "'s password"}},
                plain);
  };
  return {
      {"wrong password, PLAIN", "`KAFKA_SASL_PASSWORD`",
       with({{"KAFKA_SASL_PASSWORD", "wrong"}}, plain), 77, "Authentication failed"},
      {"wrong password, SCRAM-SHA-512", "`KAFKA_SASL_PASSWORD`",
       with({{"KAFKA_SASL_PASSWORD", "wrong"}}, scram), 77, "Authentication failed"},
      {"mechanism that the brokers do not offer", "`KAFKA_SASL_MECHANISM`",
       with({{"KAFKA_SASL_MECHANISM", "SCRAM-SHA-256"}}, scram), 78, "supported mechanisms"},
      {"wrong CA", "`KAFKA_SSL_CA_LOCATION`",
       with({{"KAFKA_SSL_CA_LOCATION", broker().file("other-ca.pem")}}, plain), 78,
       "certificate verify failed"},
      {"wrong host name", "`KAFKA_BOOTSTRAP_SERVERS`",
       with({{"KAFKA_BOOTSTRAP_SERVERS",
              "localhost" + broker().sasl_ssl().substr(broker().sasl_ssl().find(':'))},
             {"KAFKA_BROKER_ADDRESS_FAMILY", "v4"}},
            plain),
       78, "certificate verify failed"},
      {"expired client certificate", "`KAFKA_SSL_CERTIFICATE_LOCATION`",
       with({{"KAFKA_SSL_CERTIFICATE_LOCATION", broker().file("expired.pem")},
             {"KAFKA_SSL_KEY_LOCATION", broker().file("expired.key")}},
            certificate),
       78, "certificate"},
      {"no client certificate",
       "`KAFKA_SSL_CERTIFICATE_LOCATION`",
       {{"KAFKA_BOOTSTRAP_SERVERS", broker().ssl()},
        {"KAFKA_TOPIC", topic},
        {"KAFKA_SECURITY_PROTOCOL", "SSL"},
        {"KAFKA_SSL_CA_LOCATION", broker().file("ca.pem")}},
       78,
       "certificate"},
      {"plaintext to a TLS port", "`KAFKA_SECURITY_PROTOCOL`",
       with({{"KAFKA_SECURITY_PROTOCOL", "SASL_PLAINTEXT"}}, plain), 78, "security.protocol"},
      {"TLS to a plaintext port", "`KAFKA_SECURITY_PROTOCOL`",
       with({{"KAFKA_BOOTSTRAP_SERVERS", broker().plaintext()}}, plain), 69, "security.protocol"},
      {"no such topic", "`KAFKA_TOPIC`", with({{"KAFKA_TOPIC", "ohip.nowhere"}}, plain), 78,
       "ohip.nowhere"},
      {"no permission at all", "the broker's ACLs", with({{"KAFKA_TOPIC", "payroll"}}, plain), 77,
       "payroll"},
      {"no Write permission on any topic", "the broker's ACLs", user("reader"), 77, "authoriz"},
      {"Write permission on another topic only", "the broker's ACLs", user("elsewhere"), 77,
       "authoriz"},
      {"nobody listens", "`KAFKA_BOOTSTRAP_SERVERS`",
       with({{"KAFKA_BOOTSTRAP_SERVERS", Broker::address(nobody)}}, plain), 69,
       "Connection refused"},
  };
}

struct Outcome {
  Result result;
  std::chrono::duration<double> took{};
};

Outcome timed(const Installation& installation, const std::vector<std::string>& options) {
  const auto start = std::chrono::steady_clock::now();
  Result result = installation.run(options);
  return {std::move(result), std::chrono::steady_clock::now() - start};
}

std::string documentation() {
  std::ostringstream text;
  text << std::ifstream(variable("OHIP_POLL_KAFKA_TESTS") + "/../../../docs/kafka.md").rdbuf();
  return text.str();
}

// Prints a line for the table, and looks whether the documentation has it.
void tell(const char* what, const char* setting, const Outcome& outcome) {
  const std::string begin = fmt::format("| {} | {} | {} |", what, setting, outcome.result.status);
  const std::string line = outcome.result.err.substr(0, outcome.result.err.find('\n'));
  fmt::print("{} {} | {:.1f} |\n", begin, line, outcome.took.count());
  CHECK(documentation().find(begin) != std::string::npos);
}

}  // namespace

TEST_CASE("each mistake is told in seconds by a line on stderr, and nothing is taken") {
  for (const Mistake& mistake : mistakes()) {
    DYNAMIC_SECTION(mistake.what) {
      Installation installation(mistake.settings);
      installation.ohip().enqueue(kHotel, 40);
      const Outcome outcome = timed(installation, {"--once"});
      tell(mistake.what, mistake.setting, outcome);
      INFO(outcome.result.err);
      CHECK(outcome.result.status == mistake.status);
      CHECK(outcome.result.err.find(mistake.says) != std::string::npos);
      CHECK(outcome.took < std::chrono::seconds(25));
      CHECK(installation.run({"--once"}).status == mistake.status);
      CHECK(installation.polls() == 0);
    }
  }
}

TEST_CASE("asking whether the user may write stores nothing") {
  const auto way = GENERATE(sasl_plain, client_certificate);
  const std::string topic = broker().new_topic("ohip.asked", 3);
  Installation installation(way(topic));
  CHECK(installation.run({"--check"}).status == 0);
  CHECK(installation.run().status == 0);
  CHECK(installation.polls() == 1);
  CHECK(consume(broker().plaintext(), topic).empty());
  CHECK(end_offsets(broker().plaintext(), topic, 3) == std::vector<std::int64_t>(3, 0));
}

TEST_CASE("one event over the topic's limit goes to quarantine, the other nineteen arrive") {
  const std::string topic = broker().new_topic("ohip.small", 1, {{"max.message.bytes", "20000"}});
  Installation installation(sasl_plain(topic));
  installation.ohip().enqueue(kHotel, 9);
  installation.enqueue_changes(1, 30'000);
  installation.ohip().enqueue(kHotel, 10);
  const Outcome outcome = timed(installation, {"--once"});
  tell("an event larger than the topic takes", "the topic's max.message.bytes", outcome);
  CHECK(outcome.result.status == 65);
  CHECK(consume(broker().plaintext(), topic).size() == 19);
  CHECK(installation.spooled(".reason").size() == 1);
  CHECK(installation.run({"--once"}).status == 0);
}
