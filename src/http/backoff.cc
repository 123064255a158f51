#include "http/backoff.h"

namespace ohip {

using namespace std::chrono_literals;

bool was_not_sent(const HttpResponse& response) {
  return response.transfer == Transfer::kUnreachable;
}

std::optional<Milliseconds> backoff(const HttpResponse& response, int attempt, Milliseconds left) {
  constexpr int kMaxTries = 4;
  if (attempt >= kMaxTries) {
    return std::nullopt;
  }
  const Milliseconds wait = response.retry_after.value_or(0s) > 0s
                                ? Milliseconds(*response.retry_after)
                                : 500ms * (1 << (attempt - 1));
  return wait < left ? std::optional(wait) : std::nullopt;
}

bool wait_for_next_try(const HttpResponse& response, int attempt, Clock& clock,
                       const Deadline& deadline) {
  const std::optional<Milliseconds> wait = backoff(response, attempt, deadline.left());
  if (!wait) {
    return false;
  }
  const SteadyPoint begin = clock.steady();
  clock.sleep(*wait);
  return clock.steady() - begin >= *wait;
}

}  // namespace ohip
