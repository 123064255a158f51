#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <string>

#include "simulator/http.h"

namespace ohip::sim {

// Something that goes wrong with the next requests.
struct Fault {
  std::string on = "poll";       // or "token"
  std::string queue;             // polls of this queue; empty: of all
  std::uint64_t after = 0;       // requests that pass first
  std::uint64_t count = 1;       // requests it happens to
  std::optional<Reply> instead;  // of OHIP's answer
  bool dequeue = false;          // events are taken off the queue all the same
  Delivery delivery;
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
