#pragma once

#include <string>
#include <vector>

#include "faults/trial.h"

namespace ohip::faults {

// A system call of a run, as strace counts: the ordinal-th of its name in one thread.
struct Call {
  std::string name;
  int ordinal = 0;
  bool storage = false;  // on a path below the spool
  std::string line;      // strace's
};

// Whose calls. What happens to the ordinal-th call of kAll happens to that of each thread.
enum class Threads { kMain, kAll };

// The calls of an unbroken run, each once.
std::vector<Call> trace(Trial& one, const std::vector<std::string>& arguments, Threads threads);

// The prefix that makes that call fail or kill: action is strace's, such as signal=KILL.
std::vector<std::string> break_at(const Call& call, const std::string& action, Threads threads,
                                  bool from_then_on = false);

}  // namespace ohip::faults
