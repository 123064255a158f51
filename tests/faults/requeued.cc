// What a person puts back from the quarantine: killed at each call of the storage, and each
// failing.

#include <fmt/format.h>

#include <csignal>

#include "faults/classes.h"
#include "faults/trace.h"

namespace ohip::faults {
namespace {

const std::vector<std::string> kPutBack = {"--requeue", "all"};

// Each event is whole in the spool or in the quarantine, and in one of them only.
void expect_each_once(Case& one) {
  std::string disk;
  for (const auto& files : {one.spooled(), one.quarantined()}) {
    for (const auto& file : files) {
      disk += file.extension() == ".json" ? read(file) + '\n' : "";
    }
  }
  for (const std::string& event : one.handed_out()) {
    const std::size_t first = disk.find(event);
    one.expect(first != std::string::npos, "an event is on the disk: " + event);
    one.expect(disk.find(event, first + 1) == std::string::npos, "and there once: " + event);
  }
}

void break_everywhere(Row& row, std::size_t stride, const std::string& action) {
  Stage stage;
  Row scratch{"clean"};
  std::vector<Call> calls;
  {
    Case clean(stage, scratch, "nothing breaks");
    clean.put_aside();
    calls = trace(clean, kPutBack, Threads::kMain);
  }
  std::erase_if(calls, [](const Call& call) { return !call.storage; });
  for (std::size_t i = 0; i < calls.size(); i += stride) {
    Case one(stage, row, fmt::format("{} at {} {}", action, calls[i].name, calls[i].ordinal));
    one.put_aside();
    const test::Result broken = one.run(kPutBack, break_at(calls[i], action, Threads::kMain));
    one.expect(broken.status != 70, "what breaks is told for what it is");
    expect_each_once(one);
    one.expect(one.run(kPutBack).status == 0, "the second try puts the rest back");
    expect_each_once(one);
    one.settle({0});
  }
}

}  // namespace

void requeued(Row& row, std::size_t stride) {
  break_everywhere(row, stride, "signal=KILL");
  break_everywhere(row, stride, "error=EIO");
  break_everywhere(row, stride, "error=ENOSPC");
}

}  // namespace ohip::faults
