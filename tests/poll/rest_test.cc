#include "poll/rest.h"

#include "support/catch.h"

using namespace ohip;
using namespace std::chrono_literals;

namespace {

constexpr Interval kAdapting = {5s, 60s};
const TimePoint kNow{1'795'460'825s};

}  // namespace

TEST_CASE("each time it is found empty a queue waits twice as long, up to the longest interval") {
  CHECK(wait_of(kAdapting, 0) == 5s);
  CHECK(wait_of(kAdapting, 1) == 10s);
  CHECK(wait_of(kAdapting, 2) == 20s);
  CHECK(wait_of(kAdapting, 3) == 40s);
  CHECK(wait_of(kAdapting, 4) == 60s);
  CHECK(wait_of(kAdapting, 1'000'000'000) == 60s);
}

TEST_CASE("an interval of one figure stays what it is") {
  CHECK(wait_of({5s, 5s}, 0) == 5s);
  CHECK(wait_of({5s, 5s}, 30) == 5s);
  CHECK(rest_of({5s, 5s}, 30, kNow, kNow) == 0s);
}

TEST_CASE("the widest interval doubles without an overflow") {
  CHECK(wait_of({1ms, 24h}, 26) == Milliseconds(1 << 26));
  CHECK(wait_of({1ms, 24h}, 27) == 24h);
  CHECK(wait_of({24h, 24h}, 30) == 24h);
}

TEST_CASE("what is left of a wait ends where the wait does") {
  CHECK(rest_of(kAdapting, 2, kNow, kNow) == 20s);
  CHECK(rest_of(kAdapting, 2, kNow - 13s, kNow) == 7s);
  CHECK(rest_of(kAdapting, 2, kNow - 20s, kNow) == 0s);
  CHECK(rest_of(kAdapting, 2, TimePoint(), kNow) == 0s);
}

TEST_CASE("a part of a millisecond is waited for, too") {
  CHECK(rest_of(kAdapting, 1, kNow - 10s + 1us, kNow) == 1ms);
}

TEST_CASE("a queue that had events, or trouble, is not left alone by the next run") {
  CHECK(rest_of(kAdapting, 0, kNow, kNow) == 0s);
}

TEST_CASE("a poll that lies ahead keeps no queue waiting") {
  CHECK(rest_of(kAdapting, 30, kNow + 1us, kNow) == 0s);
  CHECK(rest_of(kAdapting, 30, kNow + 87'600h, kNow) == 0s);
}
