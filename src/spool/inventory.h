#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "spool/queue.h"

namespace ohip {

// A file of a queue's directory that a person may ask for.
struct SpoolFile {
  enum class State {
    kWaiting,      // a batch that the next run publishes
    kArriving,     // OHIP was asked, and answers now or was cut off by a kill
    kQuarantined,  // what could not be delivered
    kUnanswered,   // a reason alone: OHIP was asked, and its answer never came
  };

  State state = State::kWaiting;
  std::string name;
  TimePoint received;
  std::uintmax_t size = 0;  // bytes
  std::string reason;       // as the quarantine has it, or empty; whoever shows it escapes it
};

struct SpoolQueue {
  QueueName queue;
  std::filesystem::path directory;
  std::vector<SpoolFile> files;  // the oldest one first, one answer's events in their order
};

struct Inventory {
  std::vector<SpoolQueue> queues;  // those that hold anything, that with the oldest file first
  std::vector<Error> unreadable;   // kSpool: what could not be looked into
};

// What the spool holds, as far as this user may see it. Takes no lock and changes nothing; a file
// that goes meanwhile is not there. What is no plain file is passed over.
Inventory take_inventory(const std::filesystem::path& root);

}  // namespace ohip
