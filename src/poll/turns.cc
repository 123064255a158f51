#include "poll/turns.h"

#include <algorithm>

namespace ohip {
namespace {

using namespace std::chrono_literals;

constexpr auto kSlice = 100ms;  // after which a wait looks whether the run was told to stop

}  // namespace

Turns::Turns(std::size_t queues, const Deadline& deadline, const Stop& stop)
    : deadline_(deadline), stop_(stop) {
  const SteadyPoint now = std::chrono::steady_clock::now();
  for (std::size_t queue = 0; queue < queues; ++queue) {
    turns_.push({now, asked_++, queue});
  }
}

std::optional<std::size_t> Turns::next() {
  std::unique_lock lock(mutex_);
  while (!over() && (!turns_.empty() || at_work_ > 0)) {
    const SteadyPoint now = std::chrono::steady_clock::now();
    if (!turns_.empty() && turns_.top().due <= now) {
      const std::size_t queue = turns_.top().queue;
      turns_.pop();
      ++at_work_;
      return queue;
    }
    const SteadyPoint due = turns_.empty() ? now + kSlice : turns_.top().due;
    changed_.wait_until(lock, std::min<SteadyPoint>(due, now + kSlice));
  }
  changed_.notify_all();
  return std::nullopt;
}

void Turns::done(std::size_t queue, std::optional<SteadyPoint> due) {
  const std::lock_guard lock(mutex_);
  --at_work_;
  if (due) {
    turns_.push({*due, asked_++, queue});
  }
  changed_.notify_all();
}

bool Turns::over() const {
  return stop_.requested() || deadline_.left() == Milliseconds::zero();
}

}  // namespace ohip
