// Kafka fails under ohip-stream while events come: one broker's end, silence and slowness.

#include <fmt/format.h>

#include <csignal>
#include <fstream>
#include <functional>
#include <list>
#include <random>
#include <thread>

#include "faults/classes.h"
#include "faults/stream_trial.h"

namespace ohip::faults {
namespace {

using namespace std::chrono_literals;
using Profile = StreamTrial::Profile;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::size_t kMemory = 64;  // MiB, of a program that was not optimised

// What happens to Kafka, which serves again in the end.
struct Trouble {
  std::string what;
  std::function<void(test::Broker&)> happen;
  std::set<int> statuses = {0, 69};  // that a run may end with
};

Trouble killed_for(milliseconds time) {
  return {fmt::format("the broker is killed and back after {} ms", time.count()),
          [time](test::Broker& broker) {
            broker.kill();
            std::this_thread::sleep_for(time);
            broker.restart();
            broker.wait_until_ready();
          }};
}

Trouble silent_for(milliseconds time) {
  return {fmt::format("the broker says nothing for {} ms", time.count()),
          [time](test::Broker& broker) {
            broker.pause();
            std::this_thread::sleep_for(time);
            broker.resume();
          }};
}

// For longer than a run holds what it has in hand.
Trouble too_silent_for(milliseconds time) {
  Trouble trouble = silent_for(time);
  trouble.statuses = {69};
  return trouble;
}

// A tenth of its time.
Trouble slow_for(milliseconds time) {
  return {fmt::format("the broker is slow for {} ms", time.count()), [time](test::Broker& broker) {
            for (const auto end = steady_clock::now() + time; steady_clock::now() < end;) {
              broker.pause();
              std::this_thread::sleep_for(450ms);
              broker.resume();
              std::this_thread::sleep_for(50ms);
            }
          }};
}

// What it has had at most, in MiB; 0: it has ended.
std::size_t peak_memory(const test::Process& process) {
  std::ifstream status(fmt::format("/proc/{}/status", process.pid()));
  for (std::string name; status >> name;) {
    if (std::size_t kib = 0; name == "VmHWM:" && status >> kib) {
      return kib / 1'024;
    }
  }
  return 0;
}

// Streams at work when the same trouble comes to all of them.
class Streams {
 public:
  Streams(test::Broker& broker, const std::string& what, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      rows_.emplace_back();
      streams_.emplace_back(broker, rows_.back(), what,
                            i % 3 == 2 ? Profile::kOciStreaming : Profile::kKafka);
    }
  }

  // backlog: events of 2 KB each.
  void start(std::size_t backlog) {
    for (StreamTrial& one : streams_) {
      one.add(backlog, 2'000);
      runs_.push_back(one.start({"--run-for", "30m", "--report", "json"}));
    }
    for (StreamTrial& one : streams_) {
      one.expect(one.wait_for_sent(1, 60s), "it streams");
    }
  }

  // Events come meanwhile.
  void during(const std::function<void()>& trouble, std::size_t each) {
    std::jthread source([&](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        for (StreamTrial& one : streams_) {
          one.add(each, 2'000);
        }
        std::this_thread::sleep_for(50ms);
      }
    });
    trouble();
  }

  void end(const std::set<int>& statuses) {
    std::size_t i = 0;
    for (StreamTrial& one : streams_) {
      test::Process& run = *runs_[i++];
      one.disturbed();
      const std::size_t memory = peak_memory(run);
      one.expect(memory <= kMemory, fmt::format("memory is bounded, and {} MiB is not", memory));
      run.signal(SIGTERM);
    }
    i = 0;
    for (StreamTrial& one : streams_) {
      const int status = runs_[i++]->wait();
      one.observe({status, {}, one.said()});
      one.expect(statuses.contains(status),
                 fmt::format("not how a run may end: {}: {}", status, one.said()));
      one.expect(contains(read(one.directory / "run.out"), fmt::format(R"("status":{},)", status)),
                 "a run reports, however it ends");
      one.expect(
          (status == 0) == one.said().empty() && (status == 0 || contains(one.said(), "Kafka")),
          "what is not well is said: " + one.said());
    }
  }

  void kill() {
    for (std::unique_ptr<test::Process>& run : runs_) {
      run->signal(SIGKILL);
    }
    std::size_t i = 0;
    for (StreamTrial& one : streams_) {
      one.disturbed();
      one.observe({runs_[i++]->wait(), {}, one.said()});
    }
  }

  void settle(Row& row) {
    std::vector<Job> jobs;
    auto own = rows_.begin();
    for (StreamTrial& one : streams_) {
      jobs.push_back([&one, &line = *own++](Row& result) {
        one.settle();
        result = line;
      });
    }
    side_by_side(row, jobs);
  }

 private:
  std::list<Row> rows_;
  std::list<StreamTrial> streams_;
  std::vector<std::unique_ptr<test::Process>> runs_;
};

// In the middle of a transaction, wherever it is: streams in different places of theirs.
void trouble_all(test::Broker& broker, Row& row, const Trouble& trouble, std::size_t count,
                 std::size_t backlog, milliseconds moment) {
  Streams streams(broker, trouble.what, count);
  streams.start(backlog);
  streams.during(
      [&] {
        std::this_thread::sleep_for(moment);
        trouble.happen(broker);
        std::this_thread::sleep_for(2s);
      },
      5);
  streams.end(trouble.statuses);
  streams.settle(row);
}

// A broker that stood still for longer than its controller waits is fenced when it goes on, and
// loads anew what it knew of transactions and groups.
void killed_in_silence(test::Broker& broker, Row& row, milliseconds before, milliseconds silence) {
  Streams streams(
      broker, fmt::format("killed {} ms into a silence of {} ms", before.count(), silence.count()),
      12);
  streams.start(200);
  streams.during(
      [&] {
        std::this_thread::sleep_for(before);
        broker.pause();
        std::this_thread::sleep_for(silence / 2);
      },
      5);
  streams.kill();
  std::this_thread::sleep_for(silence / 2);
  broker.resume();
  streams.settle(row);
}

}  // namespace

void stream_broker(Row& row, std::size_t stride) {
  const std::vector<Trouble> troubles = {killed_for(0ms), silent_for(3s),    killed_for(5s),
                                         silent_for(20s), killed_for(500ms), killed_for(0ms),
                                         silent_for(8s),  killed_for(0ms),   killed_for(12s),
                                         silent_for(1s),  killed_for(100ms), killed_for(0ms)};
  test::Broker broker;
  std::mt19937 random(6);  // NOLINT: the same moments every time
  std::uniform_int_distribution<int> some(0, 600);
  for (std::size_t i = 0; i < troubles.size(); i += stride) {
    trouble_all(broker, row, troubles[i], stride > 1 ? 6 : 18, 500, milliseconds(some(random)));
  }
  for (int i = 0; stride == 1 && i < 4; ++i) {
    killed_in_silence(broker, row, milliseconds(some(random)), 14s);
  }
}

// A quick run knows only a short silence.
void stream_slow(Row& row, std::size_t stride) {
  test::Broker broker;
  if (stride > 1) {
    return trouble_all(broker, row, silent_for(5s), 3, 4'000, 0ms);
  }
  for (const Trouble& trouble : {silent_for(30s), too_silent_for(60s), too_silent_for(150s),
                                 slow_for(120s), killed_for(130s)}) {
    trouble_all(broker, row, trouble, 6, 20'000, 0ms);
  }
}

}  // namespace ohip::faults
