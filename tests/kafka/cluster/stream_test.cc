// ohip-stream between a simulated OHIP and a real Apache Kafka, without any writable path.

#include <algorithm>
#include <chrono>
#include <csignal>
#include <memory>
#include <thread>

#include "kafka/cluster/broker.h"
#include "kafka/cluster/consumer.h"
#include "kafka/cluster/installation.h"
#include "kafka/cluster/settings.h"
#include "support/catch.h"

using namespace ohip;
using namespace ohip::test;
using namespace std::chrono_literals;

namespace {

constexpr const char* kChain = "CHAIN";
constexpr std::size_t kSize = 2'000;

sim::Options impatient() {
  sim::Options options;
  options.lock_out = 1s;  // after a kill
  options.resubscribe_wait = 1s;
  return options;
}

// What a user of a container writes: no spool, no home.
class StreamInstallation {
 public:
  StreamInstallation()
      : topic_(broker().new_topic("ohip.stream", 4)),
        ohip_(impatient()),
        environment_(plaintext(topic_)) {
    environment_.merge(gateway(ohip_));
  }

  void add(std::size_t count) {
    ohip_.streaming().add(kChain, [&](sim::Stream& stream) {
      stream.add_made(kHotel, count, kSize, std::chrono::system_clock::now());
    });
  }

  Result run(const std::vector<std::string>& options) const {
    return test::run(command(options), environment_);
  }
  std::unique_ptr<Process> start(const std::vector<std::string>& options) const {
    return std::make_unique<Process>(command(options), environment_, directory_ / "out",
                                     directory_ / "err");
  }

  // Ids, as a consumer of committed records sees them, sorted.
  std::vector<std::string> delivered() const {
    std::vector<std::string> ids;
    for (const Message& message :
         consume(broker().plaintext(), topic_, {"-X", "isolation.level=read_committed"})) {
      ids.push_back(message.headers.at("ce_ohipoffset") + ' ' + message.headers.at("ce_id"));
    }
    std::sort(ids.begin(), ids.end());
    return ids;
  }
  std::vector<std::string> held() const {
    std::vector<std::string> ids = ohip_.streaming().held_ids(kChain);
    std::sort(ids.begin(), ids.end());
    return ids;
  }
  const sim::Simulator& ohip() const { return ohip_; }

 private:
  static std::vector<std::string> command(const std::vector<std::string>& options) {
    std::vector<std::string> command = {OHIP_STREAM_PROGRAM, "--chain", kChain};
    command.insert(command.end(), options.begin(), options.end());
    return command;
  }

  TemporaryDirectory directory_;
  std::string topic_;
  sim::Simulator ohip_;
  Environment environment_;
};

}  // namespace

TEST_CASE("a stream goes on where the last run ended, and each event comes once", "[stream]") {
  StreamInstallation stream;
  stream.add(3'000);
  const Result check = stream.run({"--check"});
  INFO(check.out << check.err);
  CHECK(check.status == 0);
  CHECK(stream.delivered().empty());
  const Result first = stream.run({"--drain"});
  INFO(first.err);
  CHECK(first.status == 0);
  CHECK(first.err.empty());
  CHECK(stream.delivered() == stream.held());
  stream.add(500);
  const Result second = stream.run({"--drain"});
  INFO(second.err);
  CHECK(second.status == 0);
  CHECK(stream.held().size() == 3'500);
  CHECK(stream.delivered() == stream.held());
}

TEST_CASE("a stream killed again and again delivers each event exactly once", "[stream]") {
  StreamInstallation stream;
  stream.add(60'000);
  for (int kills = 0; kills < 4; ++kills) {
    const std::size_t before = stream.ohip().streaming().stats().streams.at(kChain).sent;
    const std::unique_ptr<Process> run = stream.start({"--drain"});
    for (const auto end = std::chrono::steady_clock::now() + 60s;
         stream.ohip().streaming().stats().streams.at(kChain).sent < before + 5'000 &&
         std::chrono::steady_clock::now() < end;) {
      std::this_thread::sleep_for(10ms);
    }
    std::this_thread::sleep_for(kills * 70ms);
    run->signal(SIGKILL);
    run->wait();
  }
  Result last;
  for (int runs = 0; runs < 3; ++runs) {
    last = stream.run({"--drain"});
  }
  INFO(last.err);
  CHECK(last.status == 0);
  const std::vector<std::string> held = stream.held();
  CHECK(held.size() == 60'000);
  CHECK((stream.delivered() == held));
}

TEST_CASE("a stream that is told to stop says complete and ends soon", "[stream]") {
  StreamInstallation stream;
  stream.add(100);
  const std::unique_ptr<Process> run = stream.start({"--run-for", "10m"});
  for (const auto end = std::chrono::steady_clock::now() + 60s;
       stream.ohip().streaming().stats().streams.at(kChain).sent < 100 &&
       std::chrono::steady_clock::now() < end;) {
    std::this_thread::sleep_for(10ms);
  }
  std::this_thread::sleep_for(1s);
  const auto told = std::chrono::steady_clock::now();
  run->signal(SIGTERM);
  CHECK(run->wait() == 0);
  CHECK(std::chrono::steady_clock::now() - told < 35s);
  CHECK(stream.delivered() == stream.held());
  CHECK_FALSE(stream.ohip().streaming().stats().streams.at(kChain).active);
}
