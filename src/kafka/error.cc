#include "kafka/error.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

#include "base/secrets.h"

namespace ohip {
namespace {

// Of unavailability before a poll, the first of a run or a later one.
constexpr const char* kLater = "nothing is taken while that lasts; the next run tries again";

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// Of "sasl_ssl://host:9092/bootstrap: what went wrong"; empty where the text begins otherwise.
std::string_view broker_address(std::string_view text) {
  constexpr std::size_t kNone = std::string_view::npos;
  const std::string_view name = text.substr(0, text.find(": "));
  const std::size_t slash = name.rfind('/');
  if (slash == kNone || name.size() == text.size()) {
    return {};
  }
  const std::size_t scheme = name.find("://");
  const std::size_t host = scheme == kNone ? 0 : scheme + 3;
  return host < slash ? name.substr(host, slash - host) : std::string_view();
}

// "sasl_ssl://host:9092/bootstrap: Connect to ipv4#… failed: Connection refused (after 0ms in
// state CONNECT)" → "Kafka: cannot reach host:9092: Connection refused"
std::string readable(std::string_view text) {
  text = text.substr(0, text.rfind(" (after "));
  const std::string_view address = broker_address(text);
  if (address.empty()) {
    return fmt::format("Kafka: {}", masked(text));
  }
  std::string_view why = text.substr(text.find(": ") + 2);
  if (why.starts_with("Connect to ") && contains(why, "failed: ")) {
    why = why.substr(why.find("failed: ") + 8);
  }
  return fmt::format("Kafka: cannot reach {}: {}", masked(address), masked(why));
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

// librdkafka 2.8 of an end of file in the handshake, where 2.0 passes OpenSSL's words on.
constexpr std::string_view kHungUp = "SSL handshake failed: Disconnected";

KafkaTrouble tls_trouble(std::string_view text) {
  if (contains(text, "unexpected eof") || contains(text, "internal error") ||
      contains(text, kHungUp)) {
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

// Of librdkafka 2.4 and later: another record of the same request is refused, this one has not been
// looked at.
constexpr auto kInvalidDifferentRecord = static_cast<rd_kafka_resp_err_t>(-138);

// It, or the request that it came in: alone it may well be taken.
bool refuses_the_record(rd_kafka_resp_err_t code) {
  static constexpr std::array kCodes = {
      RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE,
      RD_KAFKA_RESP_ERR_INVALID_MSG,        RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE,
      RD_KAFKA_RESP_ERR_INVALID_RECORD,     kInvalidDifferentRecord,
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

const rd_kafka_metadata_topic_t* find_topic(const rd_kafka_metadata_t& answer,
                                            std::string_view topic) {
  const std::span topics(answer.topics, static_cast<std::size_t>(answer.topic_cnt));
  const auto found = std::find_if(topics.begin(), topics.end(),
                                  [&](const auto& one) { return one.topic == topic; });
  return found == topics.end() ? nullptr : &*found;
}

std::span<const rd_kafka_metadata_partition_t> partitions_of(
    const rd_kafka_metadata_topic_t& topic) {
  return {topic.partitions, static_cast<std::size_t>(topic.partition_cnt)};
}

// host:port, as librdkafka writes it; empty where the answer has none.
std::string address_of(const rd_kafka_metadata_t& answer, std::int32_t id) {
  const std::span brokers(answer.brokers, static_cast<std::size_t>(answer.broker_cnt));
  const auto found = std::find_if(brokers.begin(), brokers.end(),
                                  [id](const auto& broker) { return broker.id == id; });
  return found == brokers.end() ? "" : fmt::format("{}:{}", found->host, found->port);
}

// A broker may say any number, and librdkafka passes it on as if it were one of these.
rd_kafka_resp_err_t known_code(const rd_kafka_metadata_topic_t& topic) {
  static_assert(sizeof topic.err == sizeof(int));
  int code = 0;
  std::memcpy(&code, &topic.err, sizeof code);
  return code > RD_KAFKA_RESP_ERR__BEGIN && code < RD_KAFKA_RESP_ERR_END_ALL
             ? static_cast<rd_kafka_resp_err_t>(code)
             : RD_KAFKA_RESP_ERR_UNKNOWN;
}

KafkaTrouble passing_topic_trouble(std::string_view topic, std::string_view what) {
  return {unavailable(fmt::format("Kafka: topic {}: {}", topic, what)), false};
}

KafkaTrouble classify(rd_kafka_resp_err_t code, std::string_view text) {
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
      return contains(text, "SSL routines") || contains(text, kHungUp) ? tls_trouble(text)
                                                                       : transport_trouble(text);
  }
}

}  // namespace

KafkaTrouble connection_trouble(rd_kafka_resp_err_t code, std::string_view text) {
  KafkaTrouble trouble = classify(code, text);
  trouble.address = broker_address(text);
  return trouble;
}

Error fatal_trouble(rd_kafka_resp_err_t code, std::string_view text) {
  const std::string message = fmt::format("Kafka: {}", masked(text));
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

std::optional<KafkaTrouble> topic_trouble(const rd_kafka_metadata_t& answer,
                                          std::string_view topic) {
  const rd_kafka_metadata_topic_t* const found = find_topic(answer, topic);
  if (found == nullptr) {
    return passing_topic_trouble(topic, "the broker's response does not speak of it");
  }
  const rd_kafka_resp_err_t code = known_code(*found);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    const ExitStatus status = obstacle(code);
    return KafkaTrouble{Error(status == ExitStatus::kPending ? ExitStatus::kUnavailable : status,
                              about_topic(topic, code), topic_hint(status)),
                        status == ExitStatus::kRefused};
  }
  if (found->partition_cnt == 0) {
    return passing_topic_trouble(topic, "it has no partition");
  }
  for (const rd_kafka_metadata_partition_t& partition : partitions_of(*found)) {
    if (partition.leader < 0) {
      return passing_topic_trouble(topic, fmt::format("partition {} has no leader", partition.id));
    }
    if (address_of(answer, partition.leader).empty()) {
      return passing_topic_trouble(
          topic, fmt::format("partition {} has a leader, broker {}, whose address nobody tells",
                             partition.id, partition.leader));
    }
  }
  return std::nullopt;
}

std::vector<PartitionLeader> partition_leaders(const rd_kafka_metadata_t& answer,
                                               std::string_view topic) {
  std::vector<PartitionLeader> leaders;
  for (const auto& partition : partitions_of(*find_topic(answer, topic))) {
    leaders.push_back({partition.id, partition.leader, address_of(answer, partition.leader)});
  }
  return leaders;
}

bool is_brokers_answer(rd_kafka_resp_err_t code) {
  return code > RD_KAFKA_RESP_ERR__END || code == RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE;
}

std::optional<Error> proof_trouble(const Delivery& delivery, std::string_view topic) {
  const Delivery proof = fate(RD_KAFKA_RESP_ERR_INVALID_REQUIRED_ACKS, topic);
  if (delivery.state != Delivery::State::kUndelivered || delivery.reason == proof.reason) {
    return std::nullopt;
  }
  if (delivery.status == ExitStatus::kPending) {
    return unavailable(fmt::format("Kafka: no response whether topic {} may be written to: {}",
                                   topic, delivery.reason));
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
