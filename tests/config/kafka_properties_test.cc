#include "config/kafka_properties.h"

#include <librdkafka/rdkafka.h>

#include <array>
#include <cstdlib>
#include <map>

#include "support/catch.h"
#include "support/configuration.h"

namespace ohip {
namespace {

using namespace std::chrono_literals;
using Properties = std::map<std::string, std::string>;

// Written one after the other, the later one counting for more.
Properties with(const std::vector<std::pair<std::string, std::string>>& properties,
                KafkaProfile profile = KafkaProfile::kKafka) {
  KafkaProperties all(profile, 50s);
  for (const auto& [property, text] : properties) {
    all.set(property, {text, "here: " + property, ExitStatus::kUsage});
  }
  return all.checked();
}

Error refusal(const std::vector<std::pair<std::string, std::string>>& properties) {
  Error error = error_of([&] { with(properties); });
  CHECK(error.status() == ExitStatus::kUsage);
  return error;
}

// librdkafka's own last word.
std::string producer_error(const Properties& properties) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  std::array<char, 512> why{};
  for (const auto& [property, text] : properties) {
    REQUIRE(rd_kafka_conf_set(conf, property.c_str(), text.c_str(), why.data(), why.size()) ==
            RD_KAFKA_CONF_OK);
  }
  rd_kafka_conf_set(conf, "log_level", "0", nullptr, 0);
  const Handle<rd_kafka_t, rd_kafka_destroy> producer(
      rd_kafka_new(RD_KAFKA_PRODUCER, conf, why.data(), why.size()));
  if (producer == nullptr) {
    rd_kafka_conf_destroy(conf);
  }
  return producer == nullptr ? why.data() : "";
}

}  // namespace

TEST_CASE("by default what is acknowledged is stored once, in order, where Java would put it") {
  const Properties properties = with({});
  CHECK(properties.at("acks") == "all");
  CHECK(properties.at("enable.idempotence") == "true");
  CHECK(properties.at("partitioner") == "murmur2_random");
  CHECK(properties.at("linger.ms") == "5");
  CHECK(properties.at("max.in.flight") == "1");
  CHECK(properties.at("socket.nagle.disable") == "true");
  CHECK(properties.at("allow.auto.create.topics") == "false");
  CHECK(properties.at("message.timeout.ms") == "50000");
  CHECK(producer_error(properties).empty());
}

TEST_CASE("telemetry for brokers is off where librdkafka has it, unless asked for") {
  const bool has_it = rd_kafka_version() >= 0x020500ff;
  CHECK(with({}).contains("enable.metrics.push") == has_it);
  if (has_it) {
    CHECK(with({}).at("enable.metrics.push") == "false");
    CHECK(with({{"enable.metrics.push", "true"}}).at("enable.metrics.push") == "true");
  }
}

TEST_CASE("the profile oci-streaming is what OCI Streaming takes") {
  const Properties properties = with({}, KafkaProfile::kOciStreaming);
  CHECK(properties.at("security.protocol") == "SASL_SSL");
  CHECK(properties.at("sasl.mechanism") == "PLAIN");
  CHECK(properties.at("enable.idempotence") == "false");
  CHECK(properties.at("max.in.flight") == "1");
  CHECK(std::stoi(properties.at("message.max.bytes")) <= 1'000'000);
  CHECK(properties.at("compression.type") == "none");
  CHECK(properties.at("acks") == "all");
}

TEST_CASE("any property can be overridden") {
  CHECK(with({{"linger.ms", "7"}}).at("linger.ms") == "7");
  CHECK(with({{"acks", "1"}, {"enable.idempotence", "false"}}).at("acks") == "1");
  CHECK(with({{"security.protocol", "SSL"}}, KafkaProfile::kOciStreaming).at("security.protocol") ==
        "SSL");
}

TEST_CASE("a property under its other name is the same property") {
  const auto [other, name, text] = GENERATE(table<std::string, std::string, std::string>({
      {"compression.codec", "compression.type", "gzip"},
      {"delivery.timeout.ms", "message.timeout.ms", "4321"},
      {"max.in.flight.requests.per.connection", "max.in.flight", "3"},
      {"message.send.max.retries", "retries", "4"},
      {"metadata.broker.list", "bootstrap.servers", "broker:1"},
      {"queue.buffering.max.ms", "linger.ms", "5"},
      {"request.required.acks", "acks", "all"},
      {"sasl.mechanisms", "sasl.mechanism", "PLAIN"},
  }));
  const Properties properties = with({{other, text}});
  CHECK(properties.at(name) == text);
  CHECK_FALSE(properties.contains(other));
}

TEST_CASE("an unknown property and a wrong value are refused where they are written") {
  const Error unknown = refusal({{"foo.bar", "1"}});
  CHECK(mentions(unknown, "here: foo.bar: unknown Kafka property"));
  CHECK(mentions(refusal({{"linger.ms", "-4"}}), "here: linger.ms: "));
  CHECK(mentions(refusal({{"security.protocol", "TLS"}}), "TLS"));
  CHECK(mentions(refusal({{"dr_msg_cb", "x"}}), "here: dr_msg_cb: "));
}

TEST_CASE("what would make acknowledged mean nothing is refused") {
  CHECK(mentions(refusal({{"acks", "0"}}), "here: acks: 0 means that no broker confirms"));
  CHECK(mentions(refusal({{"request.required.acks", "0"}, {"enable.idempotence", "false"}}),
                 "here: request.required.acks: 0"));
  CHECK(mentions(refusal({{"delivery.report.only.error", "true"}}), "must be false"));
}

TEST_CASE("what librdkafka does not combine with idempotence is refused with the way out") {
  const auto [property, text] = GENERATE(
      table<std::string, std::string>({{"max.in.flight", "10"}, {"acks", "1"}, {"retries", "0"}}));
  const Error error = refusal({{property, text}});
  CHECK(mentions(error, "here: " + property + ": must be "));
  CHECK(mentions(error, "enable.idempotence=false"));
  CHECK_FALSE(producer_error({{"enable.idempotence", "true"}, {property, text}}).empty());
  CHECK(producer_error(with({{property, text}, {"enable.idempotence", "false"}})).empty());
}

TEST_CASE("what librdkafka does combine with idempotence is taken") {
  const Properties properties =
      with({{"max.in.flight", "5"}, {"acks", "-1"}, {"retries", "1"}, {"linger.ms", "1"}});
  CHECK(producer_error(properties).empty());
}

TEST_CASE("an environment name is a property's name in capitals with underscores") {
  CHECK(property_of("KAFKA_SASL_USERNAME") == "sasl.username");
  CHECK(property_of("KAFKA_BOOTSTRAP_SERVERS") == "bootstrap.servers");
  CHECK(property_of("KAFKA_ACKS") == "acks");
  CHECK(property_of("KAFKA_LOG_LEVEL") == "log_level");
  CHECK(variable_of("sasl.oauthbearer.client.secret") == "KAFKA_SASL_OAUTHBEARER_CLIENT_SECRET");
  for (const char* name : {"KAFKA_PORT", "KAFKA_SERVICE_HOST", "KAFKA_TOPIC", "KAFKA_CONFIG",
                           "KAFKA_PROFILE", "KAFKA_", "ACKS", "OHIP_ACKS"}) {
    CHECK_FALSE(property_of(name));
  }
}

TEST_CASE("a secret that librdkafka refuses is not repeated") {
  CHECK(is_secret("sasl.password"));
  CHECK_FALSE(is_secret("sasl.username"));
  CHECK_FALSE(is_secret("ssl.key.location"));
  CHECK_FALSE(mentions(refusal({{"ssl_key", "hunter2"}}), "hunter2"));
}

TEST_CASE("Cyrus SASL's plug-ins are left out where Kerberos is not used, or the user says where") {
  const auto path_with = [](const Properties& properties) -> std::string {
    leave_sasl_plugins_out(properties);
    const char* path = std::getenv("SASL_PATH");
    return path == nullptr ? "" : path;
  };
  unsetenv("SASL_PATH");
  CHECK(path_with({{"security.protocol", "SASL_SSL"}}).empty());
  CHECK(path_with({{"security.protocol", "sasl_plaintext"}, {"sasl.mechanism", "GSSAPI"}}).empty());
  CHECK(path_with({{"security.protocol", "SASL_SSL"}, {"sasl.mechanism", "PLAIN"}}) ==
        "/nonexistent");
  unsetenv("SASL_PATH");
  CHECK(path_with({}) == "/nonexistent");
  setenv("SASL_PATH", "/opt/sasl2", 1);
  CHECK(path_with({}) == "/opt/sasl2");
  unsetenv("SASL_PATH");
}

}  // namespace ohip
