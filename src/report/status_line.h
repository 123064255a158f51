#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <thread>

#include "base/clock.h"
#include "base/log.h"

namespace ohip {

// A line on the terminal that says how far the run is, for as long as the object lives. Nothing
// where nobody watches. Thread-safe.
class StatusLine {
 public:
  StatusLine(std::size_t queues, const Deadline& deadline, const Log& log);
  ~StatusLine();
  StatusLine(const StatusLine&) = delete;
  StatusLine& operator=(const StatusLine&) = delete;

  // A queue had a turn; its last one if it is done.
  void add(std::size_t polls, std::size_t delivered, bool done);

 private:
  void keep_showing();
  void show() const;

  const std::size_t queues_;
  const Deadline& deadline_;
  const Log& log_;
  const SteadyPoint begin_ = std::chrono::steady_clock::now();
  std::atomic<std::size_t> polls_ = 0;
  std::atomic<std::size_t> delivered_ = 0;
  std::atomic<std::size_t> done_ = 0;

  std::mutex mutex_;
  std::condition_variable ended_;
  bool end_ = false;
  std::thread thread_;
};

}  // namespace ohip
