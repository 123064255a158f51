#include "kafka/error.h"

#include "support/catch.h"

using namespace ohip;  // NOLINT(google-build-using-namespace)

TEST_CASE("what librdkafka reports becomes a status, and whether to try again") {
  struct Case {
    rd_kafka_resp_err_t code;
    const char* text;
    ExitStatus status;
    bool lasting;
  };
  // Texts of librdkafka 2.0.2.
  const auto given = GENERATE(values<Case>({
      {RD_KAFKA_RESP_ERR__TRANSPORT,
       "10.0.0.1:1234/bootstrap: Connect to ipv4#10.0.0.1:1234 failed: Connection refused (after "
       "0ms in state CONNECT)",
       ExitStatus::kUnavailable, false},
      {RD_KAFKA_RESP_ERR__RESOLVE,
       "kafka:1234/bootstrap: Failed to resolve 'kafka:1234': Name or service not known",
       ExitStatus::kUnavailable, false},
      {RD_KAFKA_RESP_ERR__TRANSPORT,
       "sasl_ssl://kafka:1234/1: Disconnected (after 600000ms in state UP)",
       ExitStatus::kUnavailable, false},
      {RD_KAFKA_RESP_ERR__TRANSPORT,
       "sasl_ssl://kafka:1234/1: Disconnected (after 3ms in state AUTH_REQ)",
       ExitStatus::kUnavailable, false},
      {RD_KAFKA_RESP_ERR__AUTHENTICATION,
       "sasl_ssl://kafka:1234/bootstrap: SASL PLAIN mechanism handshake failed: Local: Broker "
       "transport failure: broker's supported mechanisms: (n/a)",
       ExitStatus::kUnavailable, false},
      {RD_KAFKA_RESP_ERR__AUTHENTICATION,
       "sasl_ssl://kafka:1234/bootstrap: SASL PLAIN mechanism handshake failed: Broker: "
       "Unsupported SASL mechanism: broker's supported mechanisms: SCRAM-SHA-512",
       ExitStatus::kConfig, true},
      {RD_KAFKA_RESP_ERR__AUTHENTICATION,
       "sasl_ssl://kafka:1234/bootstrap: SASL authentication error: Authentication failed",
       ExitStatus::kRefused, true},
      {RD_KAFKA_RESP_ERR__SSL,
       "ssl://kafka:1234/bootstrap: SSL handshake failed: error:0A000086:SSL routines::certificate "
       "verify failed: broker certificate could not be verified",
       ExitStatus::kConfig, true},
      {RD_KAFKA_RESP_ERR__SSL,
       "ssl://kafka:1234/bootstrap: SSL handshake failed: error:0A00010B:SSL routines::wrong "
       "version number",
       ExitStatus::kConfig, true},
      {RD_KAFKA_RESP_ERR__TRANSPORT,
       "ssl://kafka:1234/bootstrap: Receive failed: error:0A00045C:SSL routines::tlsv13 alert "
       "certificate required",
       ExitStatus::kConfig, true},
      {RD_KAFKA_RESP_ERR__SSL,
       "ssl://kafka:1234/1: Receive failed: error:0A000126:SSL routines::unexpected eof while "
       "reading",
       ExitStatus::kUnavailable, false},
      {RD_KAFKA_RESP_ERR__TRANSPORT,
       "ssl://kafka:1234/bootstrap: SSL handshake failed: Disconnected: connecting to a PLAINTEXT "
       "broker listener?",
       ExitStatus::kUnavailable, false},
      {RD_KAFKA_RESP_ERR__TRANSPORT,
       "kafka:1234/bootstrap: Disconnected while requesting ApiVersion: might be caused by "
       "incorrect security.protocol configuration (connecting to a SSL listener?)",
       ExitStatus::kConfig, false},
      {RD_KAFKA_RESP_ERR__BAD_MSG, "kafka:80/bootstrap: Receive failed: Invalid response size",
       ExitStatus::kConfig, true},
  }));
  CAPTURE(given.text);
  const KafkaTrouble trouble = connection_trouble(given.code, given.text);
  CHECK(trouble.error.status() == given.status);
  CHECK(trouble.lasting == given.lasting);
  CHECK_FALSE(trouble.error.hint().empty());
}

TEST_CASE("a message names the broker and the reason, and not librdkafka's inner states") {
  const auto message = [](const char* text) {
    return std::string(connection_trouble(RD_KAFKA_RESP_ERR__TRANSPORT, text).error.what());
  };
  CHECK(message("sasl_ssl://10.0.0.1:1234/bootstrap: Connect to ipv4#10.0.0.1:1234 failed: "
                "Connection refused (after 0ms in state CONNECT)") ==
        "Kafka: cannot reach 10.0.0.1:1234: Connection refused");
  CHECK(message("kafka:1234/1: Disconnected") == "Kafka: cannot reach kafka:1234: Disconnected");
  CHECK(message("2/2 brokers are down") == "Kafka: 2/2 brokers are down");
}

TEST_CASE("a record's fate tells whether another attempt, a person, or nobody can help") {
  CHECK(fate(RD_KAFKA_RESP_ERR_NO_ERROR, "t").state == Delivery::State::kAcknowledged);
  CHECK(fate(RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, "t").state == Delivery::State::kRefused);
  CHECK(fate(RD_KAFKA_RESP_ERR_INVALID_RECORD, "t").state == Delivery::State::kRefused);
  // The company of a record that is: _INVALID_DIFFERENT_RECORD, of librdkafka 2.4 and later.
  const auto in_company = static_cast<rd_kafka_resp_err_t>(-138);
  CHECK(fate(in_company, "t").state == Delivery::State::kRefused);
  CHECK(fate(RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, "t").status == ExitStatus::kRefused);
  CHECK(fate(RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, "t").status == ExitStatus::kConfig);
  CHECK(fate(RD_KAFKA_RESP_ERR_THROTTLING_QUOTA_EXCEEDED, "t").status == ExitStatus::kPending);
  CHECK(fate(RD_KAFKA_RESP_ERR_UNKNOWN, "t").state == Delivery::State::kUndelivered);
}

TEST_CASE("a timestamp that Kafka does not take is the clock's fault, not the record's") {
  const Delivery delivery = fate(RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP, "t");
  CHECK(delivery.state == Delivery::State::kUndelivered);
  CHECK(delivery.status == ExitStatus::kConfig);
  CHECK(delivery.reason.find("clock") != std::string::npos);
}

TEST_CASE("what is not acknowledged has the number of its reason") {
  CHECK(fate(RD_KAFKA_RESP_ERR_NO_ERROR, "t").code == 0);
  CHECK(fate(RD_KAFKA_RESP_ERR_INVALID_RECORD, "t").code == RD_KAFKA_RESP_ERR_INVALID_RECORD);
  CHECK(fate(RD_KAFKA_RESP_ERR_UNKNOWN, "t").code == RD_KAFKA_RESP_ERR_UNKNOWN);
}
