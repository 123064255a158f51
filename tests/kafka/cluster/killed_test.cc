// kill -9 at random moments of a drain of three queues: what arrived is looked for before it is
// published again. OHIP_POLL_KILLS says how often, 30 times unless told.

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "kafka/cluster/account.h"
#include "kafka/cluster/broker.h"
#include "kafka/cluster/installation.h"
#include "kafka/cluster/settings.h"
#include "support/catch.h"

using namespace ohip::test;

namespace {

const std::vector<std::string> kHotels = {kHotel, "DEF", "GHI"};
constexpr std::size_t kEvents = 60;  // more in each queue before each kill

int kills() {
  const char* const told = std::getenv("OHIP_POLL_KILLS");
  return told == nullptr ? 30 : std::stoi(told);
}

std::vector<std::string> handed_out(Installation& installation) {
  std::vector<std::string> all;
  for (const std::string& hotel : kHotels) {
    const std::vector<std::string> events = installation.ohip().handed_out(hotel);
    all.insert(all.end(), events.begin(), events.end());
  }
  return all;
}

}  // namespace

TEST_CASE("kills at random in a drain of three queues lose nothing and leave nothing twice",
          "[killed]") {
  const Environment changes =
      GENERATE(Environment{},
               Environment{{"KAFKA_PROFILE", "oci-streaming"}, {"KAFKA_SASL_MECHANISM", "PLAIN"}});
  const std::string topic = broker().new_topic("ohip.read.killed", 4);
  Installation installation(with(changes, changes.empty() ? plaintext(topic) : sasl_plain(topic)));
  const std::vector<std::string> drain = {"--drain", "--hotel", "DEF,GHI", "--max-polls-per-minute",
                                          "0"};
  std::mt19937 random(5);  // NOLINT: the same moments every time
  std::uniform_int_distribution<int> milliseconds(5, 250);
  int killed = 0;
  for (int i = 0; i < kills(); ++i) {
    for (const std::string& hotel : kHotels) {
      installation.ohip().enqueue(hotel, kEvents);
    }
    const auto process = installation.start(drain);
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds(random)));
    process->signal(SIGKILL);
    killed += process->wait() == -SIGKILL ? 1 : 0;
  }
  Result last;
  for (int run = 0; run < 5; ++run) {
    last = installation.run(drain);
    if (last.status == 0) {
      break;
    }
  }
  INFO(last.err);
  CHECK(last.status == 0);
  CHECK(installation.spooled(".json").empty());
  const Account account = settle(handed_out(installation), consume(broker().plaintext(), topic));
  std::cout << killed << " killed, " << installation.spooled(".reason").size()
            << " of them while OHIP answered, which may cost " << installation.told_lost() << ": "
            << account << '\n';
  CHECK(killed > 0);
  CHECK(account.lost <= installation.told_lost());
  CHECK(account.duplicated == 0);
  CHECK(account.newest_last);
}

TEST_CASE(
    "--check tells whether a run may look what is there, and is no failure where it may not") {
  const auto [name, may] =
      GENERATE(table<std::string, bool>({{"ohip.read.asked", true}, {"ohip.unread", false}}));
  const Installation installation(sasl_plain(broker().new_topic(name, 3)));
  const Result result = installation.run({"--check"});
  INFO(result.out);
  CHECK(result.status == 0);
  CHECK((result.out.find("may come twice") == std::string::npos) == may);
  CHECK((result.out.find("authorization failed") == std::string::npos) == may);
}
