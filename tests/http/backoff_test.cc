#include "http/backoff.h"

#include "support/catch.h"
#include "support/fake_clock.h"

using namespace ohip;
using namespace ohip::test;
using namespace std::chrono_literals;

namespace {

HttpResponse of(Transfer transfer, int status = 0) {
  HttpResponse response;
  response.transfer = transfer;
  response.status = status;
  return response;
}

HttpResponse too_many(std::optional<std::chrono::seconds> retry_after = {}) {
  HttpResponse response = of(Transfer::kWhole, 429);
  response.retry_after = retry_after;
  return response;
}

// Told to stop: no sleep lasts.
class StoppedClock : public FakeClock {
 public:
  void sleep(Milliseconds /*cut short*/) override {}
};

}  // namespace

TEST_CASE("what could not be sent may be sent another time, but not what must not be sent") {
  CHECK(was_not_sent(of(Transfer::kUnreachable)));
  for (const Transfer transfer :
       {Transfer::kUntrusted, Transfer::kProxyRefused, Transfer::kNotSent, Transfer::kNoAnswer}) {
    CHECK_FALSE(was_not_sent(of(transfer)));
  }
  for (const int status : {200, 204, 401, 408, 429, 500, 502, 503, 504}) {
    CHECK_FALSE(was_not_sent(of(Transfer::kWhole, status)));
    CHECK_FALSE(was_not_sent(of(Transfer::kCutOff, status)));
  }
}

TEST_CASE("waits double from half a second, and the fourth try is the last") {
  const HttpResponse response = GENERATE(of(Transfer::kUnreachable), too_many());
  CHECK(backoff(response, 1, 1h) == 500ms);
  CHECK(backoff(response, 2, 1h) == 1s);
  CHECK(backoff(response, 3, 1h) == 2s);
  CHECK(backoff(response, 4, 1h) == std::nullopt);
  CHECK(backoff(response, 5, 1h) == std::nullopt);
}

TEST_CASE("the server's own wait counts for more") {
  CHECK(backoff(too_many(7s), 1, 1h) == 7s);
  CHECK(backoff(too_many(7s), 3, 1h) == 7s);
  CHECK(backoff(too_many(7s), 4, 1h) == std::nullopt);
  CHECK(backoff(too_many(0s), 1, 1h) == 500ms);
}

TEST_CASE("a wait that leaves no time for the try is not begun") {
  CHECK(backoff(too_many(7s), 1, 7s) == std::nullopt);
  CHECK(backoff(too_many(7s), 1, 7001ms) == 7s);
  CHECK(backoff(too_many(24h), 1, 50s) == std::nullopt);
  CHECK(backoff(too_many(), 1, 500ms) == std::nullopt);
  CHECK(backoff(too_many(), 1, 0s) == std::nullopt);
}

TEST_CASE("the next try comes after the wait, and not when a stop cut it short") {
  FakeClock clock;
  const SteadyPoint begin = clock.steady();
  CHECK(wait_for_next_try(too_many(7s), 1, clock, Deadline(clock, 50s)));
  CHECK(clock.steady() - begin == 7s);
  CHECK_FALSE(wait_for_next_try(too_many(7s), 1, clock, Deadline(clock, 5s)));
  CHECK(clock.steady() - begin == 7s);
  StoppedClock stopped;
  CHECK_FALSE(wait_for_next_try(too_many(7s), 1, stopped, Deadline(stopped, 50s)));
}
