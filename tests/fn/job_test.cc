#include "fn/job.h"

#include "support/catch.h"

using namespace ohip;
using namespace std::chrono_literals;

namespace {

constexpr TimePoint kTime{std::chrono::seconds(1'795'460'825)};  // 2026-11-23T19:07:05Z
constexpr Milliseconds kPollTimeout = 120s;

// When the last thing that may be begun is done: a poll begun at the deadline, then its publishing.
// A watchdog may take another 6 s.
Milliseconds latest_end(const FnTimes& times) {
  return times.deadline + times.poll_timeout + 5s;
}

}  // namespace

TEST_CASE("a deadline is understood in every notation of RFC 3339, in whole seconds") {
  for (const char* text :
       {"2026-11-23T19:07:05Z", "2026-11-23T19:07:05.999Z", "2026-11-23T19:07:05.123456789Z",
        "2026-11-23T19:07:05+00:00", "2026-11-23T21:07:05+02:00", "2026-11-23T14:37:05-04:30"}) {
    CAPTURE(text);
    CHECK(parse_rfc3339(text) == kTime);
  }
}

TEST_CASE("no other text is a deadline") {
  for (const char* text : {"", "soon", "2026-11-23", "2026-11-23T19:07:05", "2026-11-23T19:07:05Zx",
                           "2026-13-23T19:07:05Z", "2026-11-23T19:07:05.Zx", "1795460825"}) {
    CAPTURE(text);
    CHECK(parse_rfc3339(text) == std::nullopt);
  }
}

TEST_CASE("whatever is begun before a call's deadline also ends within the call") {
  for (const Milliseconds left : {Milliseconds(15s), Milliseconds(30s), Milliseconds(60s),
                                  Milliseconds(300s), Milliseconds(3600s)}) {
    CAPTURE(left.count());
    const auto times = divide_time(left, kPollTimeout);
    REQUIRE(times);
    CHECK(times->deadline > 0ms);
    CHECK(times->poll_timeout > 0ms);
    CHECK(latest_end(*times) <= left - 6s - 1s);
  }
}

TEST_CASE("a poll gets its full time as soon as the call has room for it") {
  CHECK(divide_time(300s, kPollTimeout)->poll_timeout == kPollTimeout);
  CHECK(divide_time(3600s, kPollTimeout)->deadline > 3400s);
  CHECK(divide_time(30s, kPollTimeout)->poll_timeout > 8s);
}

TEST_CASE("a call that is over, or nearly so, begins nothing") {
  CHECK_FALSE(divide_time(-3600s, kPollTimeout));
  CHECK_FALSE(divide_time(0s, kPollTimeout));
  CHECK_FALSE(divide_time(14s, kPollTimeout));
}
