// kill -9 at every system call of ohip-stream, in whatever thread.

#include <fmt/format.h>

#include <csignal>

#include "faults/classes.h"
#include "faults/stream_trial.h"
#include "faults/trace.h"

namespace ohip::faults {
namespace {

using Profile = StreamTrial::Profile;

const std::vector<std::string> kDrain = {"--drain"};

struct Plan {
  Profile profile;
  bool resumed;  // there is a position: that of an earlier run
};

// Three transactions, because OHIP pauses twice.
void prepare(StreamTrial& one, const Plan& plan) {
  if (plan.resumed) {
    one.add(10);
    const test::Result earlier = one.run(kDrain);
    one.expect(earlier.status == 0, "the run before ends well: " + earlier.err);
    one.wait_until_free();
  }
  one.add(60);
  one.inject("on=event&kind=delay&ms=300&after=20");
  one.inject("on=event&kind=delay&ms=300&after=20");
}

std::vector<Call> calls_of(const Plan& plan) {
  Row scratch{"clean"};
  StreamTrial clean(test::broker(), scratch, "clean run", plan.profile);
  prepare(clean, plan);
  return trace(clean, kDrain, Threads::kAll);
}

void kill_at(Row& row, const Call& call, const Plan& plan) {
  StreamTrial one(test::broker(), row,
                  fmt::format("killed at {} {}{}", call.name, call.ordinal,
                              plan.resumed ? ", with a position" : ""),
                  plan.profile);
  prepare(one, plan);
  const test::Result killed = one.run(kDrain, break_at(call, "signal=KILL", Threads::kAll));
  one.expect(killed.status == -SIGKILL || killed.status == 0,
             fmt::format("the run is killed or over, not {}: {}", killed.status, killed.err));
  one.settle();
}

}  // namespace

// A quick run knows only streams that begin: the other ones wait for as long again.
void stream_killed(Row& row, std::size_t stride) {
  std::vector<Job> plans;
  for (const Profile profile : {Profile::kKafka, Profile::kOciStreaming}) {
    for (const bool resumed : {false, true}) {
      if (resumed && stride > 1) {
        continue;
      }
      plans.push_back([=](Row& line) {
        const Plan plan{profile, resumed};
        const std::vector<Call> calls = calls_of(plan);
        std::vector<Job> jobs;
        for (std::size_t i = 0; i < calls.size(); i += stride) {
          jobs.push_back([call = calls[i], plan](Row& one) { kill_at(one, call, plan); });
        }
        side_by_side(line, jobs, 8);
      });
    }
  }
  side_by_side(row, plans);
}

}  // namespace ohip::faults
