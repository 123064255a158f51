#include "poll/turns.h"

#include <future>
#include <map>
#include <set>
#include <thread>
#include <vector>

#include "support/catch.h"

using namespace ohip;
using namespace std::chrono_literals;

namespace {

SteadyPoint now() {
  return std::chrono::steady_clock::now();
}

struct Fixture {
  Stop stop;
  SystemClock clock{stop};
  Deadline deadline{clock, 60s};
};

}  // namespace

TEST_CASE_METHOD(Fixture, "a queue with more to take lines up behind the others") {
  Schedule schedule(3, deadline, stop);
  std::vector<std::size_t> order;
  for (int i = 0; i < 6; ++i) {
    const std::size_t queue = schedule.next().value();
    order.push_back(queue);
    schedule.done(queue, now());
  }
  CHECK(order == std::vector<std::size_t>{0, 1, 2, 0, 1, 2});
}

TEST_CASE_METHOD(Fixture, "the schedule ends when no queue wants another turn") {
  Schedule schedule(2, deadline, stop);
  schedule.done(schedule.next().value(), std::nullopt);
  schedule.done(schedule.next().value(), std::nullopt);
  CHECK_FALSE(schedule.next());
}

TEST_CASE_METHOD(Fixture, "a worker waits for a queue that another one may bring back") {
  Schedule schedule(1, deadline, stop);
  const std::size_t queue = schedule.next().value();
  auto other = std::async(std::launch::async, [&] { return schedule.next(); });
  CHECK(other.wait_for(50ms) == std::future_status::timeout);
  schedule.done(queue, now());
  CHECK(other.get() == queue);
}

TEST_CASE_METHOD(Fixture, "a queue that is due later does not keep the others waiting") {
  Schedule schedule(2, deadline, stop);
  schedule.done(schedule.next().value(), now() + 30s);
  CHECK(schedule.next() == 1);
}

TEST_CASE_METHOD(Fixture, "a turn comes when it is due, not before") {
  Schedule schedule(1, deadline, stop);
  const SteadyPoint due = now() + 120ms;
  schedule.done(schedule.next().value(), due);
  CHECK(schedule.next() == 0);
  CHECK(now() >= due);
}

TEST_CASE_METHOD(Fixture, "no turn is given once a stop is requested") {
  Schedule schedule(1, deadline, stop);
  schedule.done(schedule.next().value(), now() + 30s);
  auto waiting = std::async(std::launch::async, [&] { return schedule.next(); });
  stop.request();
  CHECK_FALSE(waiting.get());
}

TEST_CASE_METHOD(Fixture, "no turn is given once the run's time is over") {
  const Deadline over(clock, 0ms);
  Schedule schedule(1, over, stop);
  CHECK_FALSE(schedule.next());
}

TEST_CASE_METHOD(Fixture, "many workers share the turns, and no queue is with two of them") {
  constexpr std::size_t kQueues = 50;
  constexpr int kTurns = 20;
  Schedule schedule(kQueues, deadline, stop);
  std::mutex mutex;
  std::set<std::size_t> at_work;
  std::map<std::size_t, int> turns;
  bool twice = false;
  const auto work = [&] {
    while (const auto queue = schedule.next()) {
      bool again = false;
      {
        const std::lock_guard lock(mutex);
        twice |= !at_work.insert(*queue).second;
        again = ++turns[*queue] < kTurns;
      }
      std::this_thread::yield();
      {
        const std::lock_guard lock(mutex);
        at_work.erase(*queue);
      }
      schedule.done(*queue, again ? std::optional(now()) : std::nullopt);
    }
  };
  std::vector<std::future<void>> workers;
  for (int i = 0; i < 8; ++i) {
    workers.push_back(std::async(std::launch::async, work));
  }
  for (std::future<void>& worker : workers) {
    worker.get();
  }
  CHECK_FALSE(twice);
  REQUIRE(turns.size() == kQueues);
  for (const auto& [queue, count] : turns) {
    CHECK(count == kTurns);
  }
}
