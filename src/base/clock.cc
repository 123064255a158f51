#include "base/clock.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <ctime>

#include "base/stop.h"

namespace ohip {
namespace {

using std::chrono::microseconds;

std::string format_utc(TimePoint time, const char* seconds_format) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  const std::tm utc = fmt::gmtime(seconds.time_since_epoch().count());
  return fmt::format("{}.{:06}Z", fmt::format(fmt::runtime(seconds_format), utc),
                     (time - seconds).count());
}

}  // namespace

std::string basic_utc(TimePoint time) {
  return format_utc(time, "{:%Y%m%dT%H%M%S}");
}

std::string rfc3339_utc(TimePoint time) {
  return format_utc(time, "{:%Y-%m-%dT%H:%M:%S}");
}

std::optional<TimePoint> parse_basic_utc(std::string_view text) {
  constexpr std::string_view kShape = "00000000T000000.000000Z";
  constexpr std::size_t kFraction = 16, kFractionDigits = 6;
  if (text.size() != kShape.size()) {
    return std::nullopt;
  }
  std::tm utc = {};
  const std::string seconds(text);
  const char* end = strptime(seconds.c_str(), "%Y%m%dT%H%M%S.", &utc);
  int fraction = 0;
  const char* digits = text.data() + kFraction;
  const auto parsed = std::from_chars(digits, digits + kFractionDigits, fraction);
  if (end != seconds.c_str() + kFraction || parsed.ptr != digits + kFractionDigits ||
      text.back() != 'Z') {
    return std::nullopt;
  }
  return TimePoint(std::chrono::seconds(timegm(&utc))) + microseconds(fraction);
}

TimePoint SystemClock::now() const {
  return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}

SteadyPoint SystemClock::steady() const {
  return std::chrono::steady_clock::now();
}

void SystemClock::sleep(Milliseconds duration) {
  stop_.wait(duration);
}

bool SystemClock::stop_requested() const {
  return stop_.requested();
}

Milliseconds Deadline::left() const {
  if (clock_.stop_requested()) {
    return Milliseconds::zero();
  }
  const auto left = std::chrono::duration_cast<Milliseconds>(end_ - clock_.steady());
  return std::max(left, Milliseconds::zero());
}

}  // namespace ohip
