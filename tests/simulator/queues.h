#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

namespace ohip::sim {

// The name of the queue of a whole external system; a hotel's queue has the hotel's code.
inline constexpr const char* kChain = "@chain";

struct Item {
  std::string bytes;
  bool whole_answer = false;  // the body of an answer as it is, instead of one event
};

struct Queue {
  std::deque<Item> waiting;
  std::vector<std::string> handed_out;  // byte for byte, in this order
  std::uint64_t polls = 0;              // GETs, refused ones included
};

using Queues = std::map<std::string, Queue>;

// Removes up to limit events from the queue and returns them, or a whole answer.
std::vector<Item> dequeue(Queue& queue, std::size_t limit);

}  // namespace ohip::sim
