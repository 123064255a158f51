#include "poll/pace.h"

#include <algorithm>

namespace ohip {
namespace {

using namespace std::chrono_literals;

constexpr Milliseconds kFirstPause = 1s;
constexpr Milliseconds kLongestPause = 30s;
constexpr auto kRequestInterval = 20ms;  // 50 a second
// Turns a minute apart to the microsecond would be 301 within a minute, now and then, by the
// gateway's clock.
constexpr auto kMargin = 1ms;
constexpr int kSlowest = 8;    // times the full pace's interval
constexpr int kRecovery = 16;  // answers until a doubled interval is halved again, about

std::chrono::microseconds full_pace(int polls_per_minute) {
  if (polls_per_minute == 0) {
    return 0us;
  }
  return kMargin +
         std::max<std::chrono::microseconds>(kRequestInterval, 60'000'000us / polls_per_minute);
}

}  // namespace

Pace::Pace(int polls_per_minute, Clock& clock, const Deadline& deadline)
    : fastest_(full_pace(polls_per_minute)),
      clock_(clock),
      deadline_(deadline),
      interval_(fastest_),
      next_(clock.steady()),
      pause_end_(next_),
      pause_(kFirstPause) {}

bool Pace::wait_for_turn() {
  for (;;) {
    const std::optional<SteadyPoint> turn = next_turn();
    if (!turn || !sleep_until(*turn)) {
      return false;
    }
    const std::lock_guard lock(mutex_);
    if (*turn >= pause_end_) {
      return true;
    }
  }
}

// Nothing where it would come after the run's end; it is then left to nobody.
std::optional<SteadyPoint> Pace::next_turn() {
  const std::lock_guard lock(mutex_);
  const SteadyPoint now = clock_.steady();
  const SteadyPoint turn = std::max({now, next_, pause_end_});
  if (turn >= now + deadline_.left()) {
    return std::nullopt;
  }
  next_ = turn + interval_;
  return turn;
}

bool Pace::sleep_until(SteadyPoint turn) {
  while (clock_.steady() < turn) {
    const SteadyPoint begin = clock_.steady();
    const auto wait = std::chrono::ceil<Milliseconds>(turn - begin);
    clock_.sleep(wait);
    if (clock_.steady() - begin < wait) {
      return clock_.steady() >= turn;
    }
  }
  return true;
}

void Pace::slow_down(std::optional<std::chrono::seconds> retry_after) {
  const std::lock_guard lock(mutex_);
  const bool says = retry_after.value_or(0s) > 0s;
  pause_end_ = std::max(pause_end_, clock_.steady() + (says ? Milliseconds(*retry_after) : pause_));
  pause_ = std::min(2 * pause_, kLongestPause);
  interval_ = std::min(std::max<Interval>(2 * interval_, kRequestInterval),
                       kSlowest * std::max<Interval>(fastest_, kRequestInterval));
}

void Pace::speed_up() {
  const std::lock_guard lock(mutex_);
  pause_ = kFirstPause;
  interval_ = std::max(fastest_, interval_ - interval_ / kRecovery);
}

}  // namespace ohip
