#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>

namespace ohip {

// A password that several threads have for one and the same server. Accounts lock: until it was
// taken, one of them offers it at a time; once it was refused, none does. Thread-safe.
class Login {
 public:
  enum class Turn { kOffer, kRefused, kGaveUp };

  // Before it is offered. Waits while another thread offers it, asking now and then whether to give
  // up. kOffer: it may be offered, and leave() is due afterwards; kRefused: it was refused before.
  Turn enter(const std::function<bool()>& give_up);
  void accepted();
  void refused();
  void leave();  // neither is known: the next one offers it

 private:
  enum class State { kUnknown, kOffered, kAccepted, kRefused };

  void become(State state);

  std::mutex mutex_;
  std::condition_variable changed_;
  State state_ = State::kUnknown;
};

}  // namespace ohip
