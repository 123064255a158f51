#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <string>

#include "simulator/http.h"

namespace ohip::sim {

// Something that goes wrong with the next requests.
struct Fault {
  std::string on = "poll";       // or token, upgrade, init, subscribe, ping, complete, event
  std::string queue;             // polls of this queue, events of this chain; empty: of all
  std::uint64_t after = 0;       // requests that pass first
  std::uint64_t count = 1;       // requests it happens to
  std::optional<Reply> instead;  // of OHIP's answer
  bool dequeue = false;          // events are taken off the queue all the same
  Delivery delivery;

  // On a web socket.
  std::uint16_t code = 0;              // close with it
  std::string reason;                  // of the close
  std::uint32_t repeats = 0;           // the event is sent so many times more
  std::chrono::milliseconds drip{0};   // from one piece of delivery.bytes to the next
  std::optional<std::string> message;  // instead of the answer, before the event
};

// What parse_fault understands, for people.
extern const char* const kFaultHelp;

// A fault out of kind=… and its details. body: the bytes to answer with, where there are any.
// Throws std::invalid_argument, in words for a person.
Fault parse_fault(const Parameters& parameters, const std::string& body = {});
inline Fault parse_fault(const std::string& parameters, const std::string& body = {}) {
  return parse_fault(parse_parameters(parameters), body);
}

// The first of the faults that is due for this request, and uses it up.
std::optional<Fault> take_fault(std::list<Fault>& faults, const std::string& on,
                                const std::string& queue);

}  // namespace ohip::sim
