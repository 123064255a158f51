// Listeners that a mock cluster cannot play: SASL, TLS, and what is no Kafka at all.

#include <sys/socket.h>

#include <chrono>
#include <string_view>
#include <thread>

#include "kafka/publisher.h"
#include "support/catch.h"
#include "support/listener.h"
#include "support/sasl_broker.h"
#include "support/tls_listener.h"

using namespace ohip;  // NOLINT(google-build-using-namespace)

namespace {

using Properties = std::map<std::string, std::string>;

const Log kQuiet(LogLevel::kError);

Error refused_check(KafkaPublisher& publisher) {
  try {
    publisher.check({"t"});
  } catch (const Error& error) {
    return error;
  }
  return {ExitStatus::kOk, "nothing was thrown"};
}

Error refused_check(const std::string& brokers, Properties properties) {
  properties["bootstrap.servers"] = brokers;
  KafkaPublisher publisher(properties, kQuiet);
  return refused_check(publisher);
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

const Properties kPlain = {{"security.protocol", "sasl_plaintext"},
                           {"sasl.mechanism", "PLAIN"},
                           {"sasl.username", "tenancy/user@example.com/pool"},
                           {"sasl.password", "hunter2"}};

}  // namespace

TEST_CASE("a wrong password is refused after one attempt, and never offered again") {
  const SaslBroker broker;
  Properties properties = kPlain;
  properties["bootstrap.servers"] = broker.address();
  KafkaPublisher publisher(properties, kQuiet);
  for (int i = 0; i < 3; ++i) {
    const Error error = refused_check(publisher);
    CHECK(error.status() == ExitStatus::kRefused);
    CHECK(contains(error.what(), "Authentication failed"));
    CHECK(contains(error.hint(), "sasl.password"));
    CHECK_FALSE(contains(error.what() + error.hint(), "hunter2"));
  }
  const std::vector<Record> records(3, Record{"t", "k", "v", {}, {}, {}});
  for (const Delivery& delivery : publisher.publish(records, std::chrono::seconds(20))) {
    CHECK(delivery.state == Delivery::State::kUndelivered);
    CHECK(delivery.status == ExitStatus::kRefused);
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(1'500));  // librdkafka would try again now
  CHECK(broker.attempts() == 1);
}

TEST_CASE("a wrong password ends a publishing at once, whatever its patience") {
  const SaslBroker broker;
  Properties properties = kPlain;
  properties["bootstrap.servers"] = broker.address();
  KafkaPublisher publisher(properties, kQuiet);
  const std::vector<Record> records(3, Record{"t", "k", "v", {}, {}, {}});
  const auto begin = std::chrono::steady_clock::now();
  const Delivery delivery = publisher.publish(records, std::chrono::seconds(30)).front();
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(15));
  CHECK(delivery.status == ExitStatus::kRefused);
  CHECK(contains(delivery.reason, "Authentication failed"));
}

TEST_CASE("a mechanism that the brokers do not offer is a configuration error") {
  const SaslBroker broker("SCRAM-SHA-512");
  const Error error = refused_check(broker.address(), kPlain);
  CHECK(error.status() == ExitStatus::kConfig);
  CHECK(contains(error.what(), "SCRAM-SHA-512"));
  CHECK(broker.attempts() == 0);
}

TEST_CASE("a certificate of an unknown authority is a configuration error") {
  const TlsListener listener("127.0.0.1");
  const TlsListener other("127.0.0.1");
  const Error error = refused_check(listener.address(),
                                    {{"security.protocol", "ssl"}, {"ssl.ca.pem", other.pem()}});
  CHECK(error.status() == ExitStatus::kConfig);
  CHECK(contains(error.what(), "certificate"));
  CHECK(contains(error.hint(), "ssl.ca.location"));
}

TEST_CASE("a certificate for another host is a configuration error") {
  const TlsListener listener("elsewhere.example.com");
  const Error error = refused_check(listener.address(),
                                    {{"security.protocol", "ssl"}, {"ssl.ca.pem", listener.pem()}});
  CHECK(error.status() == ExitStatus::kConfig);
  CHECK(contains(error.what(), "certificate"));
}

TEST_CASE("plain text to a TLS port is a configuration error") {
  const TlsListener listener("127.0.0.1");
  const Error error = refused_check(listener.address(), {});
  CHECK(error.status() == ExitStatus::kConfig);
  CHECK(contains(error.hint(), "security.protocol"));
}

TEST_CASE("a listener that hangs up on plain text is a configuration error") {
  const Listener listener([](int connection) {
    char byte = 0;
    ::recv(connection, &byte, 1, 0);
  });
  const Error error = refused_check(listener.address(), {});
  CHECK(error.status() == ExitStatus::kConfig);
  CHECK(contains(error.hint(), "security.protocol"));
}

TEST_CASE("a web server is a configuration error") {
  const Listener listener([](int connection) {
    constexpr std::string_view kAnswer = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
    char byte = 0;
    ::recv(connection, &byte, 1, 0);
    ::send(connection, kAnswer.data(), kAnswer.size(), MSG_NOSIGNAL);
  });
  const Error error = refused_check(listener.address(), {});
  CHECK(error.status() == ExitStatus::kConfig);
  CHECK(contains(error.hint(), "no Kafka"));
}
