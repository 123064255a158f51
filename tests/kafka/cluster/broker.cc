#include "kafka/cluster/broker.h"

#include <csignal>
#include <cstdlib>
#include <stdexcept>

namespace ohip::test {

std::string variable(const char* name) {
  const char* const value = std::getenv(name);
  if (value == nullptr) {
    throw std::runtime_error(std::string(name) +
                             " is not set: start this with tests/kafka/cluster/suite");
  }
  return value;
}

Broker::Broker(std::uint16_t advertised)
    : advertised_(advertised == 0 ? sasl_ssl_port() : advertised), admin_(plaintext()) {
  start();
  wait_until_ready();
  for (const char* user : {kPlainUser, kScramUser}) {
    admin_.allow(user, RD_KAFKA_ACL_OPERATION_WRITE, kWritable);
    admin_.allow(user, RD_KAFKA_ACL_OPERATION_READ, kReadable);
  }
  admin_.allow("reader", RD_KAFKA_ACL_OPERATION_DESCRIBE, kWritable);
  admin_.allow("elsewhere", RD_KAFKA_ACL_OPERATION_DESCRIBE, kWritable);
  admin_.allow("elsewhere", RD_KAFKA_ACL_OPERATION_WRITE, "elsewhere");
}

std::string Broker::address(const Port& port) {
  return "127.0.0.1:" + std::to_string(port.number());
}

void Broker::start() {
  const auto text = [](const Port& port) { return std::to_string(port.number()); };
  const std::vector<std::string> command = {"/usr/bin/setpriv",
                                            "--pdeathsig",
                                            "KILL",
                                            variable("OHIP_POLL_KAFKA_TESTS") + "/broker",
                                            variable("OHIP_POLL_KAFKA_VERSION"),
                                            directory_.path().string(),
                                            text(plaintext_),
                                            text(sasl_ssl_),
                                            text(ssl_),
                                            text(controller_),
                                            std::to_string(advertised_)};
  process_.emplace(command, Environment{{"PATH", variable("PATH")}}, directory_ / "broker.out",
                   directory_ / "broker.err");
}

std::string Broker::new_topic(const std::string& name, int partitions,
                              const std::map<std::string, std::string>& config) {
  const std::lock_guard lock(creating_);
  std::string topic = name + "." + std::to_string(++topics_);
  admin_.create_topic(topic, partitions, config);
  return topic;
}

void Broker::kill() {
  process_.reset();
}

void Broker::restart() {
  start();
}

void Broker::pause() {
  process_->signal(SIGSTOP);
}

void Broker::resume() {
  process_->signal(SIGCONT);
}

Broker& broker() {
  static Broker instance;
  return instance;
}

}  // namespace ohip::test
