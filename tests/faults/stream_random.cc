// ohip-stream killed at random moments, in transactions and between them.

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <random>
#include <thread>

#include "faults/classes.h"
#include "faults/stream_trial.h"

namespace ohip::faults {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int kChains = 25;
constexpr int kKills = 21;            // of each chain
constexpr auto kBetween = 10s;        // a run that finds a dead one's position waits so long
constexpr milliseconds kSpan{1'500};  // start-up and the first transactions
constexpr milliseconds kDrip{40};
constexpr std::size_t kEvents = 40;  // with each drip: there are always some under way

// Killed at that moment of its work, while events come.
void kill_once(StreamTrial& one, milliseconds wait, milliseconds moment, bool drain) {
  const auto begin = steady_clock::now() + wait;
  const auto process = one.start(drain ? std::vector<std::string>{"--drain"}
                                       : std::vector<std::string>{"--run-for", "30m"});
  std::this_thread::sleep_until(begin);
  for (auto left = moment; left > 0ms; left -= kDrip) {
    one.add(kEvents);
    std::this_thread::sleep_for(std::min(left, kDrip));
  }
  process->signal(SIGKILL);
  const int status = process->wait();
  one.observe({status, {}, one.said()});
  // Where the run before died without a position, nothing is waited for, and a drain may be over.
  one.expect(status == -SIGKILL || (drain && status == 0),
             fmt::format("the run is killed or over, not ended with {}", status));
}

void kill_and_mend(Row& row, int seed, int kills) {
  StreamTrial one(test::broker(), row, fmt::format("killed {} times, seed {}", kills, seed));
  std::mt19937 random(static_cast<unsigned>(seed));  // NOLINT: the same moments every time
  std::uniform_int_distribution<int> moment(0, static_cast<int>(kSpan.count()));
  for (int i = 0; i < kills; ++i) {
    kill_once(one, i == 0 ? 0ms : kBetween, milliseconds(moment(random)), seed % 2 == 0);
  }
  one.settle();
}

}  // namespace

void stream_random(Row& row, std::size_t stride) {
  const int kills = std::max(1, kKills / static_cast<int>(stride));
  std::vector<Job> jobs;
  for (int seed = 0; seed < (stride > 1 ? kChains / 6 : kChains); ++seed) {
    jobs.push_back([=](Row& line) { kill_and_mend(line, seed, kills); });
  }
  side_by_side(row, jobs, kChains);
}

}  // namespace ohip::faults
