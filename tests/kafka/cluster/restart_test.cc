// A broker that dies, stays away or falls silent in the middle of a drain.

#include <chrono>
#include <iostream>
#include <thread>

#include "kafka/cluster/account.h"
#include "kafka/cluster/broker.h"
#include "kafka/cluster/installation.h"
#include "kafka/cluster/settings.h"
#include "support/catch.h"

using namespace ohip::test;

namespace {

constexpr std::size_t kEvents = 2000;
constexpr std::size_t kBatch = 20;

class Drain {
 public:
  explicit Drain(const Environment& changes = {})
      : topic_(broker().new_topic("ohip.restart", 12)),
        installation_(with(changes, plaintext(topic_))) {
    installation_.ohip().enqueue(kHotel, kEvents);
  }

  // Until a quarter is out.
  void begin(const std::string& deadline) {
    process_ = installation_.start({"--drain", "--deadline", deadline});
    installation_.wait_for_handed_out(kEvents / 4);
    REQUIRE(installation_.handed_out().size() < kEvents);
  }
  int end() { return process_->wait(); }
  // Runs, as cron would start them, until nothing is left.
  void finish() {
    for (int run = 0; run < 5; ++run) {
      last_ = installation_.run({"--drain", "--deadline", "50s"});
      if (last_.status == 0) {
        break;
      }
    }
    INFO(last_.err);
    CHECK(last_.status == 0);
    CHECK(installation_.spooled(".json").empty());
  }
  Account account() const {
    return settle(installation_.handed_out(), consume(broker().plaintext(), topic_));
  }
  Installation& installation() { return installation_; }

 private:
  std::string topic_;
  Installation installation_;
  std::unique_ptr<Process> process_;
  Result last_;
};

void check_nothing_lost(const char* what, const Account& account) {
  std::cout << what << ": " << account << '\n';
  CHECK(account.handed_out == kEvents);
  CHECK(account.lost == 0);
  CHECK(account.foreign == 0);
  CHECK(account.newest_last);
}

}  // namespace

TEST_CASE("a broker killed during a drain and back costs nothing", "[restart]") {
  Drain drain;
  drain.begin("50s");
  broker().kill();
  broker().restart();
  const int status = drain.end();
  INFO(drain.installation().printed());
  CHECK(status == 0);
  broker().wait_until_ready();
  drain.finish();
  const Account account = drain.account();
  check_nothing_lost("killed and back", account);
  CHECK(account.in_order);
  CHECK(account.duplicated == 0);
}

TEST_CASE("a broker that stays away longer than the deadline delays one batch", "[restart]") {
  Drain drain;
  drain.begin("10s");
  broker().kill();
  const int status = drain.end();
  INFO(drain.installation().printed());
  CHECK((status == 75 || status == 69));  // 69: it died between two batches
  CHECK(drain.installation().spooled(".json").size() <= 2);
  CHECK(drain.installation().run({"--once", "--deadline", "3s"}).status == status);
  broker().restart();
  broker().wait_until_ready();
  drain.finish();
  const Account account = drain.account();
  check_nothing_lost("away longer than the deadline", account);
  CHECK(account.in_order);
  CHECK(account.duplicated <= kBatch);
}

TEST_CASE("a broker that falls silent for a while costs nothing", "[restart]") {
  Drain drain;
  drain.begin("50s");
  broker().pause();
  std::this_thread::sleep_for(std::chrono::seconds(5));
  broker().resume();
  CHECK(drain.end() == 0);
  drain.finish();
  const Account account = drain.account();
  check_nothing_lost("silent for 5 s", account);
  CHECK(account.in_order);
  CHECK(account.duplicated == 0);
}

TEST_CASE("a broker silent beyond the deadline may get one batch twice", "[restart]") {
  Drain drain;
  drain.begin("10s");
  broker().pause();
  const int status = drain.end();
  INFO(drain.installation().printed());
  CHECK((status == 75 || status == 69));
  const std::size_t polls = drain.installation().polls();
  const int next = drain.installation().run({"--once", "--deadline", "3s"}).status;
  CHECK((next == 75 || next == 69));
  CHECK(drain.installation().polls() == polls);
  broker().resume();
  broker().wait_until_ready();
  drain.finish();
  const Account account = drain.account();
  check_nothing_lost("silent beyond the deadline", account);
  CHECK(account.in_order);
  CHECK(account.duplicated <= kBatch);
}

TEST_CASE("without idempotence a kill may duplicate what was in flight", "[restart]") {
  Drain drain(Environment{{"KAFKA_ENABLE_IDEMPOTENCE", "false"}});
  drain.begin("50s");
  broker().kill();
  broker().restart();
  const int status = drain.end();
  INFO(drain.installation().printed());
  CHECK(status == 0);
  broker().wait_until_ready();
  drain.finish();
  const Account account = drain.account();
  check_nothing_lost("killed and back, without idempotence", account);
  CHECK(account.duplicated <= kBatch);
}
