#include "simulator/queues.h"

#include <utility>

namespace ohip::sim {

std::vector<Item> dequeue(Queue& queue, std::size_t limit) {
  std::vector<Item> taken;
  while (!queue.waiting.empty() && taken.size() < limit) {
    if (queue.waiting.front().whole_answer && !taken.empty()) {
      break;
    }
    queue.handed_out.push_back(queue.waiting.front().bytes);
    taken.push_back(std::move(queue.waiting.front()));
    queue.waiting.pop_front();
    if (taken.back().whole_answer) {
      break;
    }
  }
  return taken;
}

}  // namespace ohip::sim
