#include "base/login.h"

#include <chrono>

namespace ohip {

Login::Turn Login::enter(const std::function<bool()>& give_up) {
  constexpr std::chrono::milliseconds kSlice{50};
  std::unique_lock lock(mutex_);
  while (state_ == State::kOffered) {
    if (give_up()) {
      return Turn::kGaveUp;
    }
    changed_.wait_for(lock, kSlice);
  }
  if (state_ == State::kUnknown) {
    state_ = State::kOffered;
  }
  return state_ == State::kRefused ? Turn::kRefused : Turn::kOffer;
}

void Login::accepted() {
  become(State::kAccepted);
}

void Login::refused() {
  become(State::kRefused);
}

void Login::leave() {
  const std::lock_guard lock(mutex_);
  if (state_ == State::kOffered) {
    state_ = State::kUnknown;
  }
  changed_.notify_all();
}

void Login::become(State state) {
  const std::lock_guard lock(mutex_);
  if (state_ != State::kRefused) {
    state_ = state;
  }
  changed_.notify_all();
}

}  // namespace ohip
