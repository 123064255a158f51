#include "kafka/cluster/settings.h"

#include "kafka/cluster/broker.h"

namespace ohip::test {

Environment plaintext(const std::string& topic) {
  return {{"KAFKA_BOOTSTRAP_SERVERS", broker().plaintext()}, {"KAFKA_TOPIC", topic}};
}

Environment sasl_plain(const std::string& topic) {
  return {{"KAFKA_BOOTSTRAP_SERVERS", broker().sasl_ssl()},
          {"KAFKA_TOPIC", topic},
          {"KAFKA_SECURITY_PROTOCOL", "SASL_SSL"},
          {"KAFKA_SSL_CA_LOCATION", broker().file("ca.pem")},
          {"KAFKA_SASL_MECHANISM", "PLAIN"},
          {"KAFKA_SASL_USERNAME", kPlainUser},
          {"KAFKA_SASL_PASSWORD", kPlainPassword}};
}

Environment sasl_scram(const std::string& topic) {
  return with({{"KAFKA_SASL_MECHANISM", "SCRAM-SHA-512"},
               {"KAFKA_SASL_USERNAME", kScramUser},
               {"KAFKA_SASL_PASSWORD", std::string(kScramUser) + "'s password"}},
              sasl_plain(topic));
}

Environment client_certificate(const std::string& topic) {
  return {{"KAFKA_BOOTSTRAP_SERVERS", broker().ssl()},
          {"KAFKA_TOPIC", topic},
          {"KAFKA_SECURITY_PROTOCOL", "SSL"},
          {"KAFKA_SSL_CA_LOCATION", broker().file("ca.pem")},
          {"KAFKA_SSL_CERTIFICATE_LOCATION", broker().file("client.pem")},
          {"KAFKA_SSL_KEY_LOCATION", broker().file("client.key")}};
}

bool scram_works(int librdkafka) {
  return librdkafka >= 0x020601ff || variable("OHIP_POLL_KAFKA_VERSION").front() == '3';
}

Environment with(const Environment& changes, const Environment& settings) {
  Environment all = changes;
  all.insert(settings.begin(), settings.end());
  return all;
}

}  // namespace ohip::test
