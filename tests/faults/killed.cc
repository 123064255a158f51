// kill -9 at every system call; SIGTERM and SIGINT at random moments.

#include <fmt/format.h>

#include <chrono>
#include <csignal>
#include <random>
#include <thread>

#include "faults/classes.h"
#include "faults/trace.h"

namespace ohip::faults {
namespace {

constexpr const char* kKill = "signal=KILL";

// Where to break a run with that much to do.
struct Plan {
  std::vector<std::string> arguments;
  std::size_t waiting = 0;  // events at OHIP, for each hotel
  std::size_t batches = 0;  // in the spool of each
  Threads threads = Threads::kMain;
  std::vector<std::string> hotels = {kHotel};
  std::string meanwhile = {};  // another injection of strace's
};

void prepare(Case& one, const Plan& plan) {
  one.preload(plan.batches);
  one.enqueue(plan.waiting);
}

std::vector<Call> calls_of(const Plan& plan) {
  Stage stage;
  Row scratch{"clean"};
  Case clean(stage, scratch, "clean run", plan.hotels);
  prepare(clean, plan);
  return trace(clean, plan.arguments, plan.threads);
}

std::vector<std::string> kill_at(const Call& call, const Plan& plan) {
  std::vector<std::string> words = break_at(call, kKill, plan.threads);
  if (!plan.meanwhile.empty() && !plan.meanwhile.starts_with(call.name + ":")) {
    const std::string name = plan.meanwhile.substr(0, plan.meanwhile.find(':'));
    words.insert(words.end(), {"-f", fmt::format("--trace={},{}", call.name, name),
                               "--inject=" + plan.meanwhile});
  }
  return words;
}

void kill_everywhere(Row& row, const Plan& plan, std::size_t stride) {
  const std::vector<Call> calls = calls_of(plan);
  Stage stage;
  for (std::size_t i = 0; i < calls.size(); i += stride) {
    Case one(stage, row, fmt::format("killed at {} {}", calls[i].name, calls[i].ordinal),
             plan.hotels);
    prepare(one, plan);
    const test::Result killed = one.run(plan.arguments, kill_at(calls[i], plan));
    one.expect(killed.status == -SIGKILL || killed.status == 0, "the run is killed or over");
    one.settle();
  }
}

}  // namespace

void killed(Row& row, std::size_t stride) {
  kill_everywhere(row, {{"--once"}, 20}, stride);
  kill_everywhere(row, {{"--drain"}, 45}, stride);
}

void killed_recovering(Row& row, std::size_t stride) {
  kill_everywhere(row, {{"--once"}, 20, 2}, stride);
}

void killed_threads(Row& row, std::size_t stride) {
  kill_everywhere(row, {{"--once"}, 20, 1, Threads::kAll}, stride);
  kill_everywhere(row, {{"--drain"}, 45, 1, Threads::kAll}, stride);
}

void killed_hotels(Row& row, std::size_t stride) {
  const std::vector<std::string> hotels = {kHotel, "DEF", "GHI"};
  kill_everywhere(row, {{"--once"}, 20, 1, Threads::kAll, hotels}, stride);
  kill_everywhere(row, {{"--drain", "--jobs", "2"}, 45, 0, Threads::kAll, hotels}, stride);
}

// One batch is acknowledged and its file still there, while the next one is taken.
void killed_overlapping(Row& row, std::size_t stride) {
  Plan plan{{"--drain"}, 45};
  plan.meanwhile = "unlink:delay_enter=15000";  // µs
  kill_everywhere(row, plan, stride);
}

void killed_twice(Row& row, std::size_t stride) {
  const Plan plan{{"--drain"}, 45, 1};
  const std::vector<Call> calls = calls_of(plan);
  Stage stage;
  std::mt19937 random(3);  // NOLINT: the same moments every time
  std::uniform_int_distribution<std::size_t> late(calls.size() / 2, calls.size() - 1);
  for (std::size_t i = 0; i < 100; i += stride) {
    const Call& first = calls[late(random)];
    const Call& second = calls[late(random)];
    Case one(stage, row,
             fmt::format("killed at {} {}, then at {} {}", first.name, first.ordinal, second.name,
                         second.ordinal));
    prepare(one, plan);
    one.run(plan.arguments, kill_at(first, plan));
    one.run(plan.arguments, kill_at(second, plan));
    one.settle();
  }
}

// The first signal asks for an orderly end, the second changes nothing.
void stopped(Row& row, std::size_t stride) {
  Stage stage;
  std::mt19937 random(4);  // NOLINT: the same moments every time
  std::uniform_int_distribution<int> microseconds(0, 60'000);
  for (std::size_t i = 0; i < 100; i += stride) {
    const int signal = i % 2 == 0 ? SIGTERM : SIGINT;
    const std::chrono::microseconds first(microseconds(random));
    const std::chrono::microseconds second(i % 3 == 0 ? microseconds(random) / 4 : 0);
    Case one(stage, row,
             fmt::format("signal {} after {} µs, again after {}", signal, first.count(),
                         second.count()));
    stage.ohip.inject(sim::parse_fault("kind=delay&ms=10&count=3"));
    stage.ohip.enqueue(kHotel, 60);
    const auto process = one.start({"--drain"});
    std::this_thread::sleep_for(first);
    process->signal(signal);
    if (second.count() > 0) {
      std::this_thread::sleep_for(second);
      process->signal(signal);
    }
    const int status = process->wait();
    one.observe({status, {}, one.said()});
    one.expect(status == 0 || status == -signal, "it ends in order, or had not begun");
    one.expect(one.spooled().empty(), "what was taken is delivered before it ends");
    stage.ohip.clear_faults();
    one.settle({0});
  }
}

}  // namespace ohip::faults
