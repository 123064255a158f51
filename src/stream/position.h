#pragma once

#include <optional>
#include <string>

#include "base/clock.h"

namespace ohip {

// Up to where a stream is safe in Kafka, and what the next run must know besides.
struct Position {
  std::string offset = {};           // OHIP's, verbatim; empty: no event was ever received
  std::string unique_event_id = {};  // that event's; empty when not known
  TimePoint received{};              // when it came
  // Until when a subscription stood and OHIP had nothing newer; 0: never.
  TimePoint quiet{};
  // When a run first subscribed; only until an event is received.
  TimePoint since{};

  // How the last subscription ended, for a person who reads it: "complete", "1006". Empty: it had
  // not ended when this was written, so it may have died without a word to OHIP.
  std::string ended = {};
  TimePoint not_before{};  // no subscription before that; counts only with ended

  bool operator==(const Position&) const = default;

  bool same_event(const Position& other) const {
    return offset == other.offset && unique_event_id == other.unique_event_id;
  }
};

}  // namespace ohip
