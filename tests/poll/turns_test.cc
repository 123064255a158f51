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

Due at(SteadyPoint time) {
  return {time, 5s};
}

std::vector<Due> all_due(std::size_t queues) {
  return std::vector<Due>(queues, at(now()));
}

struct Fixture {
  Stop stop;
  SystemClock clock{stop};
  Deadline deadline{clock, 60s};
};

}  // namespace

TEST_CASE_METHOD(Fixture, "a queue with more to take lines up behind the others") {
  Turns turns(all_due(3), deadline, stop);
  std::vector<std::size_t> order;
  for (int i = 0; i < 6; ++i) {
    const std::size_t queue = turns.next().value();
    order.push_back(queue);
    turns.done(queue, at(now()));
  }
  CHECK(order == std::vector<std::size_t>{0, 1, 2, 0, 1, 2});
}

TEST_CASE_METHOD(Fixture, "the turns end when no queue wants another turn") {
  Turns turns(all_due(2), deadline, stop);
  turns.done(turns.next().value(), std::nullopt);
  turns.done(turns.next().value(), std::nullopt);
  CHECK_FALSE(turns.next());
}

TEST_CASE_METHOD(Fixture, "a worker waits for a queue that another one may bring back") {
  Turns turns(all_due(1), deadline, stop);
  const std::size_t queue = turns.next().value();
  auto other = std::async(std::launch::async, [&] { return turns.next(); });
  CHECK(other.wait_for(50ms) == std::future_status::timeout);
  turns.done(queue, at(now()));
  CHECK(other.get() == queue);
}

TEST_CASE_METHOD(Fixture, "a queue that is due later does not keep the others waiting") {
  Turns turns(all_due(2), deadline, stop);
  turns.done(turns.next().value(), at(now() + 30s));
  CHECK(turns.next() == 1);
}

TEST_CASE_METHOD(Fixture, "of those that are due, the one is next that is latest by its interval") {
  const SteadyPoint late = now() - 60s;
  Turns turns({{late, 60s}, {now() - 20s, 5s}, {late, 5s}, {now() + 30s, 5s}}, deadline, stop);
  CHECK(turns.next() == 2);
  CHECK(turns.next() == 1);
  CHECK(turns.next() == 0);
}

TEST_CASE_METHOD(Fixture, "a queue that is always due leaves turns to those with long intervals") {
  const auto late = [] { return Due{now() - 30ms, 10ms}; };
  Turns turns({late(), {now(), 100ms}}, deadline, stop);
  std::size_t busy = 0;
  while (turns.next() == 0) {
    ++busy;
    std::this_thread::sleep_for(1ms);
    turns.done(0, late());
  }
  CHECK(busy > 1);
  CHECK(busy < 10'000);
}

TEST_CASE_METHOD(Fixture, "a turn comes when it is due, not before") {
  Turns turns(all_due(1), deadline, stop);
  const SteadyPoint due = now() + 120ms;
  turns.done(turns.next().value(), at(due));
  CHECK(turns.next() == 0);
  CHECK(now() >= due);
}

TEST_CASE_METHOD(Fixture, "no turn is given once a stop is requested") {
  Turns turns(all_due(1), deadline, stop);
  turns.done(turns.next().value(), at(now() + 30s));
  auto waiting = std::async(std::launch::async, [&] { return turns.next(); });
  stop.request();
  CHECK_FALSE(waiting.get());
}

TEST_CASE_METHOD(Fixture, "no turn is given once the run's time is over") {
  const Deadline over(clock, 0ms);
  Turns turns(all_due(1), over, stop);
  CHECK_FALSE(turns.next());
}

TEST_CASE_METHOD(Fixture, "many workers share the turns, and no queue is with two of them") {
  constexpr std::size_t kQueues = 50;
  constexpr int kTurns = 20;
  Turns turns(all_due(kQueues), deadline, stop);
  std::mutex mutex;
  std::set<std::size_t> at_work;
  std::map<std::size_t, int> had;
  bool twice = false;
  const auto work = [&] {
    while (const auto queue = turns.next()) {
      bool again = false;
      {
        const std::lock_guard lock(mutex);
        twice |= !at_work.insert(*queue).second;
        again = ++had[*queue] < kTurns;
      }
      std::this_thread::yield();
      {
        const std::lock_guard lock(mutex);
        at_work.erase(*queue);
      }
      turns.done(*queue, again ? std::optional(at(now())) : std::nullopt);
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
  REQUIRE(had.size() == kQueues);
  for (const auto& [queue, count] : had) {
    CHECK(count == kTurns);
  }
}
