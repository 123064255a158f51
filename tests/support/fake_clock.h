#pragma once

#include "base/clock.h"

namespace ohip::test {

// Time passes only where the code sleeps or the test says so.
class FakeClock : public Clock {
 public:
  TimePoint now() const override {
    return TimePoint(std::chrono::seconds(1'795'460'825)) + passed_;
  }
  SteadyPoint steady() const override { return SteadyPoint(passed_); }
  void sleep(Milliseconds duration) override { passed_ += duration; }

 private:
  Milliseconds passed_{0};
};

}  // namespace ohip::test
