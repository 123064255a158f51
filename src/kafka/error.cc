#include "kafka/error.h"

#include <algorithm>
#include <array>
#include <span>

namespace ohip {
namespace {

// Of unavailability before a poll: the promise of exit status 69.
constexpr const char* kLater = "nothing was taken, the next run tries again";

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// "sasl_ssl://host:9092/bootstrap: Connect to ipv4#… failed: Connection refused (after 0ms in
// state CONNECT)" → "Kafka: cannot reach host:9092: Connection refused"
std::string readable(std::string_view text) {
  text = text.substr(0, text.rfind(" (after "));
  constexpr std::size_t kNone = std::string_view::npos;
  const std::size_t colon = text.find(": ");
  const std::string_view name = text.substr(0, colon);
  const std::size_t slash = name.rfind('/');
  if (colon == kNone || slash == kNone) {
    return fmt::format("Kafka: {}", text);
  }
  const std::size_t scheme = name.find("://");
  const std::size_t host = scheme == kNone ? 0 : scheme + 3;
  std::string_view why = text.substr(colon + 2);
  if (why.starts_with("Connect to ") && contains(why, "failed: ")) {
    why = why.substr(why.find("failed: ") + 8);
  }
  return fmt::format("Kafka: cannot reach {}: {}", name.substr(host, slash - host), why);
}

Error unavailable(const std::string& what) {
  return {ExitStatus::kUnavailable, what, kLater};
}

KafkaTrouble lasting(ExitStatus status, std::string_view text, const std::string& hint) {
  return {Error(status, readable(text), hint), true};
}

KafkaTrouble passing(ExitStatus status, std::string_view text, const std::string& hint = kLater) {
  return {Error(status, readable(text), hint), false};
}

// 2.6.1: the first to repeat the nonce as RFC 5802 has it, which Kafka 4.0 insists on
// (github.com/confluentinc/librdkafka/pull/4895).
constexpr int kRightScramNonce = 0x020601ff;

KafkaTrouble authentication_trouble(std::string_view text) {
  if (contains(text, "supported mechanisms: (n/a)")) {  // the connection was lost while asking
    return passing(ExitStatus::kUnavailable, text);
  }
  if (contains(text, "supported mechanisms") || contains(text, "Failed to initialize")) {
    return lasting(ExitStatus::kConfig, text, "set sasl.mechanism to one the brokers offer");
  }
  std::string hint =
      "check sasl.username and sasl.password; they were tried once only, since accounts lock";
  if (contains(text, "SCRAM") && rd_kafka_version() < kRightScramNonce) {
    hint +=
        fmt::format("; librdkafka {} can use SCRAM up to Kafka 3.9 only, 2.6.1 and later with all",
                    rd_kafka_version_str());
  }
  return lasting(ExitStatus::kRefused, text, hint);
}

KafkaTrouble tls_trouble(std::string_view text) {
  if (contains(text, "unexpected eof") || contains(text, "internal error")) {
    return passing(ExitStatus::kUnavailable, text,
                   "if it stays so, check security.protocol and the port");
  }
  return lasting(
      ExitStatus::kConfig, text,
      "check security.protocol, ssl.ca.location, the broker's host name and certificate, "
      "and the client's own, if it has one");
}

// A listener that just hangs up may want TLS or SASL, or may be a broker on its way down: only
// patience tells.
KafkaTrouble transport_trouble(std::string_view text) {
  if (contains(text, "security.protocol")) {
    return passing(ExitStatus::kConfig, text, "check security.protocol and the port");
  }
  return passing(ExitStatus::kUnavailable, text);
}

bool refuses_the_record(rd_kafka_resp_err_t code) {
  static constexpr std::array kCodes = {
      RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE,
      RD_KAFKA_RESP_ERR_INVALID_MSG,        RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE,
      RD_KAFKA_RESP_ERR_INVALID_RECORD,
  };
  return std::find(kCodes.begin(), kCodes.end(), code) != kCodes.end();
}

// Not why: that was in an error callback.
bool says_only_when(rd_kafka_resp_err_t code) {
  static constexpr std::array kCodes = {
      RD_KAFKA_RESP_ERR__MSG_TIMED_OUT, RD_KAFKA_RESP_ERR__TIMED_OUT,
      RD_KAFKA_RESP_ERR__PURGE_QUEUE,   RD_KAFKA_RESP_ERR__PURGE_INFLIGHT,
      RD_KAFKA_RESP_ERR__FATAL,         RD_KAFKA_RESP_ERR__TRANSPORT,
  };
  return std::find(kCodes.begin(), kCodes.end(), code) != kCodes.end();
}

// What must change before a record is delivered.
ExitStatus obstacle(rd_kafka_resp_err_t code) {
  switch (code) {
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
      return ExitStatus::kRefused;
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
    case RD_KAFKA_RESP_ERR_INVALID_REQUIRED_ACKS:
    case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_COMPRESSION_TYPE:
    case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
      return ExitStatus::kConfig;
    default:
      return ExitStatus::kPending;
  }
}

std::string about_topic(std::string_view topic, rd_kafka_resp_err_t code) {
  // A topic takes what its message.timestamp.after.max.ms allows (Kafka 3.6), an hour by default;
  // what we send is never later than our own clock.
  const char* const why = code == RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP
                              ? ": the clocks differ: compare this machine's with the broker's"
                              : "";
  return fmt::format("Kafka: topic {}: {}{}", topic, rd_kafka_err2str(code), why);
}

std::string topic_hint(ExitStatus status) {
  switch (status) {
    case ExitStatus::kRefused:
      return "grant this user Describe and Write on the topic";
    case ExitStatus::kConfig:
      return "create the topic, or name another one";
    default:
      return kLater;
  }
}

}  // namespace

KafkaTrouble connection_trouble(rd_kafka_resp_err_t code, std::string_view text) {
  switch (code) {
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM:
    case RD_KAFKA_RESP_ERR_ILLEGAL_SASL_STATE:
      return authentication_trouble(text);
    case RD_KAFKA_RESP_ERR__SSL:
      return tls_trouble(text);
    case RD_KAFKA_RESP_ERR__BAD_MSG:
      return lasting(ExitStatus::kConfig, text,
                     "what listens there is no Kafka, or wants TLS: check bootstrap.servers and "
                     "security.protocol");
    default:
      return contains(text, "SSL routines") ? tls_trouble(text) : transport_trouble(text);
  }
}

Error fatal_trouble(rd_kafka_resp_err_t code, std::string_view text) {
  const std::string message = fmt::format("Kafka: {}", text);
  switch (obstacle(code)) {
    case ExitStatus::kConfig:
      return {ExitStatus::kConfig, message,
              "--kafka-profile oci-streaming, or -X enable.idempotence=false"};
    case ExitStatus::kRefused:
      return {ExitStatus::kRefused, message, "grant this user Write on the topic"};
    default:
      return unavailable(message);
  }
}

std::optional<KafkaTrouble> topic_trouble(const rd_kafka_metadata_topic_t& topic) {
  if (topic.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    const ExitStatus status = obstacle(topic.err);
    return KafkaTrouble{Error(status == ExitStatus::kPending ? ExitStatus::kUnavailable : status,
                              about_topic(topic.topic, topic.err), topic_hint(status)),
                        status == ExitStatus::kRefused};
  }
  const std::span partitions(topic.partitions, static_cast<std::size_t>(topic.partition_cnt));
  for (const rd_kafka_metadata_partition_t& partition : partitions) {
    if (partition.leader < 0) {
      return KafkaTrouble{unavailable(fmt::format("Kafka: topic {}: partition {} has no leader",
                                                  topic.topic, partition.id)),
                          false};
    }
  }
  return std::nullopt;
}

std::optional<Error> proof_trouble(const Delivery& delivery, std::string_view topic) {
  const Delivery proof = fate(RD_KAFKA_RESP_ERR_INVALID_REQUIRED_ACKS, topic);
  if (delivery.state != Delivery::State::kUndelivered || delivery.reason == proof.reason) {
    return std::nullopt;
  }
  if (delivery.status == ExitStatus::kPending) {
    return unavailable(fmt::format("Kafka: no answer whether topic {} may be written to: {}", topic,
                                   delivery.reason));
  }
  return Error(delivery.status, delivery.reason, topic_hint(delivery.status));
}

Delivery fate(rd_kafka_resp_err_t code, std::string_view topic) {
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
    return {Delivery::State::kAcknowledged, ExitStatus::kOk, {}};
  }
  if (refuses_the_record(code)) {
    return {Delivery::State::kRefused, ExitStatus::kQuarantine, about_topic(topic, code), code};
  }
  return {Delivery::State::kUndelivered, obstacle(code),
          says_only_when(code) ? std::string() : about_topic(topic, code), code};
}

}  // namespace ohip
