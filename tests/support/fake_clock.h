#pragma once

#include <atomic>

#include "base/clock.h"

namespace ohip::test {

// Time passes only where the code sleeps or the test says so, in one thread.
class FakeClock : public Clock {
 public:
  TimePoint now() const override {
    return TimePoint(std::chrono::seconds(1'795'460'825)) + passed_.load();
  }
  SteadyPoint steady() const override { return SteadyPoint(passed_.load()); }
  void sleep(Milliseconds duration) override { passed_ = passed_.load() + duration; }

 private:
  std::atomic<Milliseconds> passed_{Milliseconds(0)};
};

}  // namespace ohip::test
