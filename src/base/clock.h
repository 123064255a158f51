#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace ohip {

class Stop;

using TimePoint = std::chrono::sys_time<std::chrono::microseconds>;
using SteadyPoint = std::chrono::steady_clock::time_point;
using Milliseconds = std::chrono::milliseconds;

// For waits of real time, which no test's clock shortens.
inline SteadyPoint steady_now() {
  return std::chrono::steady_clock::now();
}

// 20261123T190705.123456Z: ISO 8601 basic format, UTC; sorts as time goes.
std::string basic_utc(TimePoint time);
std::optional<TimePoint> parse_basic_utc(std::string_view text);

// 2026-11-23T19:07:05.123456Z: RFC 3339, UTC.
std::string rfc3339_utc(TimePoint time);

class Clock {
 public:
  virtual ~Clock() = default;

  virtual TimePoint now() const = 0;       // wall clock, may jump
  virtual SteadyPoint steady() const = 0;  // never jumps
  virtual void sleep(Milliseconds) = 0;    // returns early when a stop is requested
  virtual bool stop_requested() const { return false; }
};

class SystemClock : public Clock {
 public:
  explicit SystemClock(const Stop& stop) : stop_(stop) {}

  TimePoint now() const override;
  SteadyPoint steady() const override;
  void sleep(Milliseconds duration) override;
  bool stop_requested() const override;

 private:
  const Stop& stop_;
};

// The end of the whole run: nothing new is begun after it. A stop that is requested is the end.
class Deadline {
 public:
  Deadline(const Clock& clock, Milliseconds from_now)
      : clock_(clock), end_(clock.steady() + from_now) {}

  // Time left, never negative.
  Milliseconds left() const;

 private:
  const Clock& clock_;
  SteadyPoint end_;
};

}  // namespace ohip
