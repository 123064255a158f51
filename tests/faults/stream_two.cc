// Two machines with the same line in their crontabs: one works, the other stands by.

#include <fmt/format.h>

#include <csignal>
#include <random>
#include <thread>

#include "faults/classes.h"
#include "faults/stream_trial.h"

namespace ohip::faults {
namespace {

using namespace std::chrono_literals;
using Profile = StreamTrial::Profile;
using std::chrono::milliseconds;

// A run that finds another's position waits 10 s before it subscribes; it is over before it would
// try a second time.
const std::vector<std::string> kShort = {"--run-for", "15s"};
const std::vector<std::string> kLong = {"--run-for", "30m"};

// The second machine: a spool and a lock of its own. What is not yet an alert there is not told.
test::Result run_second(StreamTrial& one, const std::vector<std::string>& arguments) {
  test::Environment environment = one.environment;
  environment["OHIP_SPOOL_DIR"] = (one.directory / "second").string();
  environment["OHIP_ALERT_AFTER"] = "30m";
  return test::run(one.command(arguments), environment);
}

// Events come all the time.
class Source {
 public:
  explicit Source(StreamTrial& one)
      : thread_([&one](const std::stop_token& stop) {
          while (!stop.stop_requested()) {
            one.add(3);
            std::this_thread::sleep_for(20ms);
          }
        }) {}

 private:
  std::jthread thread_;
};

void take_over(StreamTrial& one) {
  const test::Result second = run_second(one, {"--drain"});
  one.observe(second);
  one.expect(second.status == 0 && second.err.empty(),
             fmt::format("the second takes over, not {}: {}", second.status, second.err));
}

void expect_turned_away(StreamTrial& one, const test::Result& second, std::uint64_t refused) {
  one.expect(
      second.status == 0 && second.err.empty() && second.out.empty(),
      fmt::format("the one that is turned away is quiet, not {}: {}", second.status, second.err));
  one.expect(one.stats().refused == refused + 1, "OHIP turns it away, once a run");
}

// The first dies while the second stands by.
void dies(Row& row, Profile profile, milliseconds moment) {
  StreamTrial one(test::broker(), row,
                  fmt::format("the first of two dies after {} ms", moment.count()), profile);
  const auto first = one.start(kLong);
  {
    const Source source(one);
    one.expect(one.wait_for_sent(100, 60s), "the first works");
    const std::uint64_t before = one.stats().sent;
    expect_turned_away(one, run_second(one, kShort), 0);
    one.expect(one.wait_for_sent(before + 100, 60s), "and the first goes on");
    std::this_thread::sleep_for(moment);
    first->signal(SIGKILL);
    one.observe({first->wait(), {}, one.said()});
  }
  one.expect(one.stats().subscriptions == 2, "nobody has disturbed the first");
  one.wait_until_free();
  take_over(one);
  one.settled();
}

// OHIP keeps the place of one that died for a while: the second is turned away for so long.
void locked_out(Row& row, Profile profile) {
  sim::Options options = impatient();
  options.lock_out = 60s;
  StreamTrial one(test::broker(), row, "the second comes while OHIP keeps the first's place",
                  profile, options);
  const auto first = one.start(kLong);
  {
    const Source source(one);
    one.expect(one.wait_for_position(60s), "the first works");
    first->signal(SIGKILL);
    one.observe({first->wait(), {}, one.said()});
    expect_turned_away(one, run_second(one, kShort), 0);
  }
  one.wait_until_free();
  take_over(one);
  one.settled();
}

// A machine that stands still, is taken for dead, and goes on with what it had in hand.
void wakes_up(Row& row, milliseconds moment) {
  StreamTrial one(test::broker(), row,
                  fmt::format("the first of two stands still after {} ms", moment.count()));
  const auto first = one.start(kLong);
  {
    const Source source(one);
    one.expect(one.wait_for_sent(100, 60s), "the first works");
    std::this_thread::sleep_for(moment);
    first->signal(SIGSTOP);
    one.ohip.streaming().disconnect(1006, "");  // what is between the two gives up
    one.wait_until_free();
    const std::uint64_t before = one.stats().sent;
    std::thread second([&one] {
      const test::Result over = run_second(one, kShort);
      one.expect(over.status == 0, "the second takes over: " + over.err);
    });
    one.expect(one.wait_for_sent(before + 100, 60s), "the second works");
    first->signal(SIGCONT);
    second.join();
  }
  first->signal(SIGTERM);
  const int status = first->wait();
  one.observe({status, {}, one.said()});
  one.expect(status == 0 || status == 69,
             fmt::format("the first finds out, and says no more than 69: {}", one.said()));
  one.settle();
}

}  // namespace

// A quick run leaves the lock-out out.
void stream_two(Row& row, std::size_t stride) {
  std::mt19937 random(5);  // NOLINT: the same moments every time
  std::uniform_int_distribution<int> some(0, 400);
  std::vector<Job> jobs;
  for (std::size_t i = 0; i < 48; i += stride) {
    const milliseconds moment(some(random));
    const Profile profile = i % 4 == 3 ? Profile::kOciStreaming : Profile::kKafka;
    jobs.push_back([=](Row& line) { dies(line, profile, moment); });
    jobs.push_back([=](Row& line) { wakes_up(line, moment); });
  }
  if (stride == 1) {
    for (const Profile profile : {Profile::kKafka, Profile::kOciStreaming}) {
      jobs.insert(jobs.begin(), [=](Row& line) { locked_out(line, profile); });
    }
  }
  side_by_side(row, jobs);
}

}  // namespace ohip::faults
