#include "base/threads.h"

#include <future>
#include <system_error>
#include <thread>
#include <vector>

namespace ohip {

std::size_t threads_to_be_had(std::size_t wanted) {
  std::promise<void> end;
  const std::shared_future<void> ended = end.get_future().share();
  std::vector<std::thread> threads;
  threads.reserve(wanted);
  try {
    while (threads.size() < wanted) {
      threads.emplace_back([ended] { ended.wait(); });
    }
  } catch (const std::system_error&) {
    // That many it is.
  }
  end.set_value();
  for (std::thread& thread : threads) {
    thread.join();
  }
  return threads.size();
}

}  // namespace ohip
