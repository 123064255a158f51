#include "poll/turns.h"

#include <algorithm>
#include <utility>

namespace ohip {
namespace {

using namespace std::chrono_literals;

constexpr auto kSlice = 100ms;  // after which a wait looks whether the run was told to stop

}  // namespace

double Turns::Turn::lateness(SteadyPoint now) const {
  return std::chrono::duration<double>(now - due.time) /
         std::chrono::duration<double>(due.interval);
}

Turns::Turns(const std::vector<Due>& first, const Deadline& deadline, const Stop& stop)
    : deadline_(deadline), stop_(stop) {
  for (const Due& due : first) {
    turns_.push_back({due, asked_, asked_});
    ++asked_;
  }
}

// The others change places as time goes, so no order is kept.
std::vector<Turns::Turn>::iterator Turns::latest(SteadyPoint now) {
  return std::max_element(turns_.begin(), turns_.end(), [now](const Turn& a, const Turn& b) {
    return std::pair(a.lateness(now), b.asked) < std::pair(b.lateness(now), a.asked);
  });
}

std::optional<std::size_t> Turns::next() {
  std::unique_lock lock(mutex_);
  while (!over() && (!turns_.empty() || at_work_ > 0)) {
    const SteadyPoint now = std::chrono::steady_clock::now();
    const auto turn = latest(now);
    if (turn != turns_.end() && turn->due.time <= now) {
      const std::size_t queue = turn->queue;
      *turn = turns_.back();
      turns_.pop_back();
      ++at_work_;
      return queue;
    }
    const auto first =
        std::min_element(turns_.begin(), turns_.end(),
                         [](const Turn& a, const Turn& b) { return a.due.time < b.due.time; });
    const SteadyPoint due = first == turns_.end() ? now + kSlice : first->due.time;
    changed_.wait_until(lock, std::min<SteadyPoint>(due, now + kSlice));
  }
  changed_.notify_all();
  return std::nullopt;
}

void Turns::done(std::size_t queue, std::optional<Due> due) {
  const std::lock_guard lock(mutex_);
  --at_work_;
  if (due) {
    turns_.push_back({*due, asked_++, queue});
  }
  changed_.notify_all();
}

bool Turns::over() const {
  return stop_.requested() || deadline_.left() == Milliseconds::zero();
}

}  // namespace ohip
