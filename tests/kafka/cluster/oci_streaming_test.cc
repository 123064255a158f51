// The profile oci-streaming, and what its cluster is like.

#include <fmt/format.h>

#include <fstream>

#include "kafka/cluster/account.h"
#include "kafka/cluster/broker.h"
#include "kafka/cluster/installation.h"
#include "kafka/cluster/settings.h"
#include "support/catch.h"

using namespace ohip::test;

namespace {

// What a user of OCI Streaming writes; the profile says the rest.
Environment oci_streaming(const std::string& topic) {
  return {{"KAFKA_PROFILE", "oci-streaming"},
          {"KAFKA_BOOTSTRAP_SERVERS", broker().sasl_ssl()},
          {"KAFKA_TOPIC", topic},
          {"KAFKA_SSL_CA_LOCATION", broker().file("ca.pem")},
          {"KAFKA_SASL_USERNAME", kPlainUser},
          {"KAFKA_SASL_PASSWORD", kPlainPassword}};
}

void write(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path) << text;
  std::filesystem::permissions(path, std::filesystem::perms::owner_read);
}

}  // namespace

TEST_CASE("user name and password may hold anything, wherever they are written", "[oci]") {
  const std::string topic = broker().new_topic("ohip.special", 1);
  const TemporaryDirectory directory;
  const std::string file = (directory / "settings").string();
  Environment settings = oci_streaming(topic);
  std::vector<std::string> options = {"--once"};
  SECTION("the environment") {}
  SECTION("the password in a file of its own") {
    settings.erase("KAFKA_SASL_PASSWORD");
    settings["KAFKA_SASL_PASSWORD_FILE"] = file;
    write(file, std::string(kPlainPassword) + "\n");
  }
  // What systemd and docker would read differently is refused in that file itself.
  SECTION("the configuration file, by the name of another one") {
    settings.erase("KAFKA_SASL_USERNAME");
    settings.erase("KAFKA_SASL_PASSWORD");
    write(file + ".user", std::string(kPlainUser));
    write(file + ".password", std::string(kPlainPassword));
    write(file, fmt::format("KAFKA_SASL_USERNAME_FILE={0}.user\n"
                            "KAFKA_SASL_PASSWORD_FILE={0}.password\n",
                            file));
    options.insert(options.end(), {"--config", file});
  }
  SECTION("a file of librdkafka properties, as kcat's") {
    settings.erase("KAFKA_SASL_USERNAME");
    settings.erase("KAFKA_SASL_PASSWORD");
    write(file, fmt::format("sasl.username={}\nsasl.password={}\n", kPlainUser, kPlainPassword));
    options.insert(options.end(), {"--kafka-config", file});
  }
  Installation installation(settings);
  installation.ohip().enqueue(kHotel, 20);
  const Result result = installation.run(options);
  CHECK(result.err.empty());
  CHECK(result.status == 0);
  CHECK(settle(installation.handed_out(), consume(broker().plaintext(), topic)).lost == 0);
}

TEST_CASE("no request and no message is larger than 1 MB", "[oci]") {
  // The broker refuses more.
  const std::string topic = broker().new_topic("ohip.1mb", 1, {{"max.message.bytes", "1048576"}});
  Installation installation(oci_streaming(topic));
  installation.enqueue_changes(20, 200'000);
  const Result result = installation.run();
  INFO(result.err);
  CHECK(result.status == 0);
  const Account account = settle(installation.handed_out(), consume(broker().plaintext(), topic));
  CHECK(account.delivered == 20);
  CHECK(account.in_order);
}

TEST_CASE("an event over 1 MB goes to quarantine, its neighbours arrive", "[oci]") {
  const std::string topic = broker().new_topic("ohip.1mb", 1, {{"max.message.bytes", "1048576"}});
  Installation installation(oci_streaming(topic));
  installation.enqueue_changes(1, 900'000);
  installation.enqueue_changes(1, 1'100'000);
  installation.enqueue_changes(1, 1'000);
  CHECK(installation.run().status == 65);
  CHECK(consume(broker().plaintext(), topic).size() == 2);
  CHECK(installation.spooled(".reason").size() == 1);
}
