#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "stream/refusal.h"

namespace ohip {

// What the end of a connection, or its refusal, asks for (reference/streaming.md is summed up in
// docs/streaming.md).
struct Closing {
  enum class Then {
    kReconnect,
    kNewToken,  // reconnect once with a new token
    kStop,      // another try would not help: a person must act
  };
  Error error;  // what the run ends with, unless a later connection does well
  Then then = Then::kReconnect;
  // Before the next subscription, from the end on.
  std::chrono::seconds wait{10};
  std::chrono::seconds jitter{0};     // at most so much more
  std::chrono::seconds next_wait{0};  // after the second such end of a run; 0: the same
  // The wait doubles with each such end in a row, up to a minute, and jitter is a fifth of it.
  bool backoff = false;
};

// by_us: what came made us close it. words: the peer's, masked, in one line.
Closing closing_of(int code, std::string_view words, bool by_us);
Closing refusal_of(const Refusal& refusal);

}  // namespace ohip
