#include "poll/pace.h"

#include <vector>

#include "base/stop.h"
#include "support/catch.h"
#include "support/fake_clock.h"

using namespace ohip;
using namespace ohip::test;
using namespace std::chrono_literals;

namespace {

// Wakes up at once, as after a signal.
class InterruptedClock : public FakeClock {
 public:
  void sleep(Milliseconds /*duration*/) override {}
};

struct Fixture {
  Pace pace(int polls_per_minute) { return Pace(polls_per_minute, clock, deadline); }

  // When each of the next turns comes.
  std::vector<Milliseconds> turns(Pace& pace, int count) {
    std::vector<Milliseconds> turns;
    for (int i = 0; i < count && pace.wait_for_turn(); ++i) {
      turns.push_back(std::chrono::duration_cast<Milliseconds>(clock.steady().time_since_epoch()));
    }
    return turns;
  }

  FakeClock clock;
  Deadline deadline{clock, 60s};
};

}  // namespace

TEST_CASE_METHOD(Fixture, "polls are spaced evenly, the first at once") {
  Pace pace = this->pace(300);
  CHECK(turns(pace, 4) == std::vector<Milliseconds>{0ms, 201ms, 402ms, 603ms});
}

TEST_CASE_METHOD(Fixture, "time that nobody used is not saved up for a burst") {
  Pace pace = this->pace(300);
  turns(pace, 1);
  clock.sleep(10s);
  CHECK(turns(pace, 3) == std::vector<Milliseconds>{10'000ms, 10'201ms, 10'402ms});
}

TEST_CASE_METHOD(Fixture,
                 "a minute at 300 polls a minute has 299 turns: never a 301st, however a "
                 "clock drifts") {
  Pace pace = this->pace(300);
  CHECK(turns(pace, 1'000).size() == 299);
  CHECK_FALSE(pace.wait_for_turn());
}

TEST_CASE_METHOD(Fixture,
                 "more than 50 requests a second are never made, unless there is no limit") {
  Pace limited = this->pace(60'000);
  CHECK(turns(limited, 3) == std::vector<Milliseconds>{0ms, 21ms, 42ms});
  Pace unlimited = this->pace(0);
  CHECK(turns(unlimited, 3) == std::vector<Milliseconds>{42ms, 42ms, 42ms});
}

TEST_CASE_METHOD(Fixture, "after a 429 everybody waits as long as the gateway says") {
  Pace pace = this->pace(300);
  turns(pace, 1);
  pace.slow_down(7s);
  CHECK(turns(pace, 1) == std::vector<Milliseconds>{7'000ms});
}

TEST_CASE_METHOD(Fixture, "a gateway that does not say how long is left alone for ever longer") {
  Pace pace = this->pace(300);
  turns(pace, 1);
  pace.slow_down({});
  CHECK(turns(pace, 1) == std::vector<Milliseconds>{1'000ms});
  pace.slow_down({});
  CHECK(turns(pace, 1) == std::vector<Milliseconds>{3'000ms});
  pace.speed_up();
  pace.slow_down({});
  CHECK(turns(pace, 1) == std::vector<Milliseconds>{4'000ms});
}

TEST_CASE_METHOD(Fixture, "after a 429 the pace is slower, and comes back with what is answered") {
  Pace pace = this->pace(300);
  turns(pace, 1);
  pace.slow_down(1s);
  CHECK(turns(pace, 2) == std::vector<Milliseconds>{1'000ms, 1'402ms});
  for (int i = 0; i < 100; ++i) {
    pace.speed_up();
  }
  turns(pace, 1);
  CHECK(turns(pace, 2) == std::vector<Milliseconds>{2'005ms, 2'206ms});
}

TEST_CASE_METHOD(Fixture, "a wait that the run has no time for is none") {
  Pace pace = this->pace(300);
  turns(pace, 1);
  pace.slow_down(61s);
  CHECK_FALSE(pace.wait_for_turn());
  CHECK(clock.steady() == SteadyPoint());
}

TEST_CASE("a stop ends the wait, and gives no turn") {
  InterruptedClock clock;
  const Deadline deadline(clock, 60s);
  Pace pace(300, clock, deadline);
  CHECK(pace.wait_for_turn());
  CHECK_FALSE(pace.wait_for_turn());
}
