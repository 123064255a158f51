#include "config/kafka_properties.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#include "base/program.h"
#include "base/text.h"

namespace ohip {
namespace {

constexpr std::string_view kPrefix = "KAFKA_";

// A connection is set up in 7 to 12 round trips (TCP, TLS, SASL); librdkafka's 30 s would use up
// most of a deadline on one dead broker.
constexpr const char* kConnectTimeout = "10000";

const std::map<std::string, std::string> kDefaults = {
    {"acks", "all"},
    {"allow.auto.create.topics", "false"},  // a misspelt topic is an error, not a new topic
    {"enable.idempotence", "true"},  // no duplicates and no change of order by librdkafka's retries
    // Records handed over together go in one request: KafkaClient flushes when all are there.
    {"linger.ms", "5"},
    // A broker takes any first sequence number of a producer new to it, and librdkafka takes the
    // success of a later request for that of an earlier one: with two in flight, a batch refused
    // while a partition changes its leader would be reported as delivered.
    {"max.in.flight", "1"},
    {"partitioner", "murmur2_random"},  // Java's: other producers of a key agree with us
    {"socket.connection.setup.timeout.ms", kConnectTimeout},
    {"socket.nagle.disable", "true"},
    {"topic.metadata.propagation.max.ms", "5000"},  // the topic exists: no waiting for it to appear
};

// Telemetry for brokers that ask for it (KIP-714), on by default from librdkafka 2.5 on. Up to 2.9
// a client that ends waits for its own thread, whose wake-up it may have missed: a second.
constexpr const char* kMetricsPush = "enable.metrics.push";

// OCI Streaming: what its Kafka endpoint wants, and does not have.
const std::map<std::string, std::string> kOciStreaming = {
    {"security.protocol", "SASL_SSL"},
    {"sasl.mechanism", "PLAIN"},          // the only one without Oracle's Java SDK; an auth token
    {"enable.idempotence", "false"},      // not implemented there: a fatal error in librdkafka
    {"max.in.flight", "1"},               // keeps the order all the same when a request is repeated
    {"message.max.bytes", "1000000"},     // a message and a request may have 1 MB
    {"batch.size", "1000000"},            // the same
    {"compression.type", "none"},         // nowhere documented as accepted
    {"socket.keepalive.enable", "true"},  // its front end drops connections to balance load
};

// Two names of one property, by librdkafka's CONFIGURATION.md; on the right the one we use.
const std::map<std::string, std::string, std::less<>> kAliases = {
    {"compression.codec", "compression.type"},
    {"delivery.timeout.ms", "message.timeout.ms"},
    {"max.in.flight.requests.per.connection", "max.in.flight"},
    {"message.send.max.retries", "retries"},
    {"metadata.broker.list", "bootstrap.servers"},
    {"queue.buffering.max.ms", "linger.ms"},
    {"request.required.acks", "acks"},
    {"sasl.mechanisms", "sasl.mechanism"},
};

std::string one_name(const std::string& property) {
  const auto alias = kAliases.find(property);
  return alias == kAliases.end() ? property : alias->second;
}

using ErrorText = std::array<char, 512>;

}  // namespace

std::optional<std::string> property_of(const std::string& variable) {
  if (!variable.starts_with(kPrefix)) {
    return std::nullopt;
  }
  const std::string underscored = lower_case(variable.substr(kPrefix.size()));  // log_level
  std::string dotted = underscored;
  std::replace(dotted.begin(), dotted.end(), '_', '.');
  for (const std::string& property : {dotted, underscored}) {
    if (is_kafka_property(property)) {
      return property;
    }
  }
  return std::nullopt;
}

std::string variable_of(std::string_view property) {
  std::string variable(kPrefix);
  for (const char c : property) {
    variable += c == '.' ? '_' : c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  }
  return variable;
}

bool is_kafka_property(const std::string& property) {
  const Handle<rd_kafka_conf_t, rd_kafka_conf_destroy> scratch(rd_kafka_conf_new());
  ErrorText why{};
  return rd_kafka_conf_set(scratch.get(), property.c_str(), "", why.data(), why.size()) !=
         RD_KAFKA_CONF_UNKNOWN;
}

bool is_secret(std::string_view property) {
  constexpr std::array<std::string_view, 5> kMarks = {"password", "passphrase", "secret", "key.pem",
                                                      "ssl_key"};
  return std::any_of(kMarks.begin(), kMarks.end(), [&](std::string_view mark) {
    return property.find(mark) != std::string_view::npos;
  });
}

void leave_sasl_plugins_out(const std::map<std::string, std::string>& properties) {
  const auto value = [&](const char* property) {
    const auto found = properties.find(property);
    return found == properties.end() ? "" : lower_case(found->second);
  };
  const std::string mechanism = value("sasl.mechanism");
  const bool kerberos = mechanism.empty() || mechanism == "gssapi";  // librdkafka's default
  if (!value("security.protocol").starts_with("sasl") || !kerberos) {
    setenv("SASL_PATH", "/nonexistent", 0);
  }
}

KafkaProperties::KafkaProperties(KafkaProfile profile, Milliseconds deadline)
    : scratch_(rd_kafka_conf_new()) {
  const auto set_all = [this](const std::map<std::string, std::string>& properties) {
    for (const auto& [property, text] : properties) {
      set(property, {text, "default of " + property});
    }
  };
  set_all(kDefaults);
  set_all({{"client.id", std::string(program_name())}});
  if (is_kafka_property(kMetricsPush)) {
    set_all({{kMetricsPush, "false"}});
  }
  set_all({{"message.timeout.ms", std::to_string(deadline.count())}});
  if (profile == KafkaProfile::kOciStreaming) {
    set_all(kOciStreaming);
  }
}

void KafkaProperties::set(const std::string& property, const Value& value) {
  ErrorText why{};
  const rd_kafka_conf_res_t result = rd_kafka_conf_set(scratch_.get(), property.c_str(),
                                                       value.text.c_str(), why.data(), why.size());
  if (result == RD_KAFKA_CONF_UNKNOWN) {
    reject(value, fmt::format("unknown Kafka property (librdkafka {})", rd_kafka_version_str()));
  }
  if (result != RD_KAFKA_CONF_OK) {
    reject(value, why.data());
  }
  values_.insert_or_assign(one_name(property), value);
}

std::string KafkaProperties::effective(const char* property) const {
  std::array<char, 64> text{};
  std::size_t size = text.size();
  rd_kafka_conf_get(scratch_.get(), property, text.data(), &size);
  return text.data();
}

void KafkaProperties::check_promise() const {
  if (effective("acks") == "0") {
    reject(values_.at("acks"),
           "0 means that no broker confirms anything: events would be lost unnoticed");
  }
  if (effective("delivery.report.only.error") == "true") {
    reject(values_.at("delivery.report.only.error"),
           "must be false: it hides that an event has been stored");
  }
}

// librdkafka refuses the same when the producer is made, without saying where it was written.
void KafkaProperties::check_idempotence() const {
  constexpr long kMostInFlight = 5;
  if (effective("enable.idempotence") != "true") {
    return;
  }
  const auto require = [&](const char* property, bool fits, std::string_view what) {
    if (!fits && values_.contains(property)) {
      reject(values_.at(property), fmt::format("must be {} with enable.idempotence=true", what),
             "leave it out, or set enable.idempotence=false as well");
    }
  };
  require("acks", effective("acks") == "-1", "all");
  require("max.in.flight", std::stol(effective("max.in.flight")) <= kMostInFlight, "at most 5");
  require("retries", effective("retries") != "0", "more than 0");
}

void KafkaProperties::check_transactional() const {
  if (const auto id = values_.find("transactional.id"); id != values_.end()) {
    reject(id->second, "is the name of the stream's consumer group; it cannot be chosen");
  }
  if (effective("enable.idempotence") != "true") {
    reject(values_.at("enable.idempotence"), "must be true: records are written in transactions",
           "for a cluster that has none: --kafka-profile oci-streaming");
  }
}

std::map<std::string, std::string> KafkaProperties::checked() const {
  check_promise();
  check_idempotence();
  std::map<std::string, std::string> properties;
  for (const auto& [property, value] : values_) {
    properties.emplace(property, value.text);
  }
  // A librdkafka that brings its own OpenSSL looks at the system's roots first.
  const char* const roots = std::getenv("SSL_CERT_FILE");
  if (roots != nullptr && !values_.contains("ssl.ca.pem")) {
    properties.emplace("ssl.ca.location", roots);
  }
  return properties;
}

}  // namespace ohip
