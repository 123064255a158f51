// Two at once, and what a dead run or another user left behind.

#include <fmt/format.h>
#include <unistd.h>

#include <fstream>

#include "faults/classes.h"

namespace ohip::faults {
namespace fs = std::filesystem;
namespace {

void overlapping_runs(Stage& stage, Row& row) {
  Case one(stage, row, "four runs of one queue at once");
  stage.ohip.enqueue(kHotel, 60);
  std::vector<std::unique_ptr<test::Process>> runs;
  for (int i = 0; i < 4; ++i) {
    runs.push_back(one.start({"--drain"}, fmt::format("run{}", i)));
  }
  for (int i = 0; i < 4; ++i) {
    one.observe({runs[static_cast<std::size_t>(i)]->wait(), {}, one.said(fmt::format("run{}", i))});
    one.expect(one.said(fmt::format("run{}", i)).empty(), "who finds the queue taken is silent");
  }
  one.settle({0});
}

void two_queues(Stage& stage, Row& row) {
  Case one(stage, row, "two queues at once");
  stage.ohip.enqueue(kHotel, 40);
  stage.ohip.enqueue("DEF", 40);
  const auto first = one.start({"--drain"}, "run0");
  const auto second = one.start({"--drain", "--hotel", "DEF"}, "run1");
  one.observe({first->wait(), {}, one.said("run0")});
  one.observe({second->wait(), {}, one.said("run1")});
  one.expect(one.arrived().size() == 80, "both queues arrive");
  one.settle({0});
}

void stale_lock(Stage& stage, Row& row) {
  Case one(stage, row, "the lock file of a dead run");
  fs::create_directories(one.queue);
  std::ofstream(one.queue / "lock") << "4711\n";
  stage.ohip.enqueue(kHotel, 20);
  one.expect(one.run().status == 0 && one.arrived().size() == 20, "a lock ends with its process");
  one.settle({0});
}

void clock_back(Stage& stage, Row& row) {
  Case one(stage, row, "a clock that jumped back");
  one.preload(1);
  fs::rename(one.spooled().at(0), one.queue / "20991231T235959.999999Z-future.json");
  stage.ohip.enqueue(kHotel, 20);
  one.expect(one.run().status == 0, "what was received in the future is published");
  one.expect(one.arrived().front() == one.handed_out().front(), "and first");
  one.settle({0});
}

// The file's part of a living run is the lock holder's alone.
void living_part(Stage& stage, Row& row) {
  Case one(stage, row, "a second run while the answer of the first arrives");
  stage.ohip.inject(sim::parse_fault("kind=stall&bytes=3000&ms=700"));
  stage.ohip.enqueue(kHotel, 20);
  const auto first = one.start({"--once"}, "run0");
  while (one.polls() == 0) {
    usleep(1'000);
  }
  const test::Result second = one.run({"--drain"});
  const test::Result replay = one.run({"--replay"});
  one.expect(second.status == 0 && replay.status == 0, "they leave it alone");
  one.expect(one.quarantined().empty(), "a living run's .part is not taken for a dead one's");
  one.observe({first->wait(), {}, one.said("run0")});
  one.expect(one.arrived().size() == 20, "the first run delivers");
  one.settle({0});
}

void other_user(Stage& stage, Row& row) {
  Case one(stage, row, "a spool that belongs to another user");
  one.preload(1);
  stage.ohip.enqueue(kHotel, 20);
  if (geteuid() == 0) {
    fs::permissions(one.directory.path(), fs::perms{0755});
    fs::permissions(one.queue, fs::perms::owner_all);
    const test::Result other =
        one.run({"--once"}, {SETPRIV, "--reuid=65534", "--regid=65534", "--clear-groups"});
    one.expect(other.status == 74 && one.polls() == 0, "nothing is taken: exit 74");
    one.expect(contains(other.err, "Permission denied"), "the message says why");
  }
  one.settle({0});
}

}  // namespace

void concurrent(Row& row, std::size_t /*stride*/) {
  Stage stage;
  overlapping_runs(stage, row);
  two_queues(stage, row);
  stale_lock(stage, row);
  clock_back(stage, row);
  living_part(stage, row);
  other_user(stage, row);
}

}  // namespace ohip::faults
