#pragma once

#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>

#include "e2e/process.h"
#include "kafka/cluster/admin.h"
#include "kafka/cluster/port.h"
#include "support/temporary_directory.h"

namespace ohip::test {

// What tests/kafka/cluster/server.properties knows about them. The same user writes by SCRAM and by
// the client certificate.
inline constexpr const char* kPlainUser =
    "tenancy/domain/user@example.com x/ocid1.streampool.oc1..aaaa";
inline constexpr const char* kPlainPassword = R"(;>[{(#$'"=%\!&|)";
inline constexpr const char* kScramUser = "ohip-poll";

// The topics that both may write to begin so.
inline constexpr const char* kWritable = "ohip.";
// Those of them that they may read, too.
inline constexpr const char* kReadable = "ohip.read";

// An Apache Kafka of one node, see tests/kafka/cluster/broker; gone with the object, or with this
// process.
class Broker {
 public:
  // SASL_SSL clients are sent to that port, 0: the broker's own.
  explicit Broker(std::uint16_t advertised = 0);

  std::uint16_t sasl_ssl_port() const { return sasl_ssl_.number(); }
  std::string plaintext() const { return address(plaintext_); }
  std::string sasl_ssl() const { return address(sasl_ssl_); }
  std::string ssl() const { return address(ssl_); }
  static std::string address(const Port& port);

  // One of its certificates, see tests/kafka/cluster/certificates.
  std::string file(const std::string& name) const { return (directory_ / name).string(); }

  // A topic of that name with a number behind it, for one test; returns its name. From any thread.
  std::string new_topic(const std::string& name, int partitions,
                        const std::map<std::string, std::string>& config = {});

  Admin& admin() { return admin_; }

  void kill();     // like a machine that loses power
  void restart();  // on the same ports and data; returns at once
  void wait_until_ready() { admin_.wait_until_ready(); }
  void pause();  // connections are accepted, nothing is answered
  void resume();

 private:
  void start();

  TemporaryDirectory directory_;
  Port plaintext_;
  Port sasl_ssl_;
  Port ssl_;
  Port controller_;
  std::uint16_t advertised_;
  std::optional<Process> process_;
  Admin admin_;
  std::mutex creating_;  // of topics
  int topics_ = 0;
};

// A variable that tests/kafka/cluster/suite sets.
std::string variable(const char* name);

// The one broker of all tests, started by the first that asks.
Broker& broker();

}  // namespace ohip::test
