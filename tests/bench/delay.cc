// How long an event waits between OPERA's queue and Kafka: five hotels, events at random moments,
// the real ohip-poll as cron runs it.
//   delay SECONDS-TO-RUN INTERVAL-IN-SECONDS…
// From an interval of a minute on, a run polls once and the next one begins a minute later; below
// it runs for the whole time (--run-for --interval).

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "e2e/world.h"
#include "faults/reader.h"

namespace {

using namespace std::chrono_literals;
using namespace ohip::test;
using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

const std::vector<std::string> kHotels = {"ABC", "DEF", "GHI", "JKL", "MNO"};
constexpr double kEventsPerSecond = 2;

std::string event(const std::string& hotel, std::size_t id) {
  return fmt::format(
      R"({{"businessEvent":{{"header":{{"moduleName":"Reservation","primaryKey":"{}","hotelId":)"
      R"("{}"}}}},"businessEventId":{{"id":"{}"}}}})",
      id, hotel, id);
}

// Queues events until the end, and notes when they arrive.
class Trickle {
 public:
  explicit Trickle(World& world)
      : world_(world), reader_(world.kafka.bootstrap(), kTopic), random_(7) {}  // NOLINT: the same

  void run(Clock::time_point end) {
    std::exponential_distribution<double> gap(kEventsPerSecond);
    while (Clock::now() < end) {
      const auto next = Clock::now() + Seconds(gap(random_));
      while (Clock::now() < next) {
        look();
        std::this_thread::sleep_for(2ms);
      }
      const std::string& hotel = kHotels[queued_.size() % kHotels.size()];
      const std::string bytes = event(hotel, queued_.size());
      queued_[bytes] = Clock::now();
      world_.ohip.enqueue_event(hotel, bytes);
    }
  }

  void look() {
    const auto& records = reader_.read();
    for (; seen_ < records.size(); ++seen_) {
      delays_.push_back(Seconds(Clock::now() - queued_.at(records[seen_].value)).count());
    }
  }

  std::vector<double> sorted() {
    std::sort(delays_.begin(), delays_.end());
    return delays_;
  }
  std::size_t queued() const { return queued_.size(); }

 private:
  World& world_;
  ohip::faults::Reader reader_;
  std::mt19937 random_;
  std::map<std::string, Clock::time_point> queued_;
  std::size_t seen_ = 0;
  std::vector<double> delays_;
};

void schedule(const World& world, int interval, Clock::time_point end) {
  const std::string hotels = fmt::format("{}", fmt::join(kHotels, ","));
  while (Clock::now() < end) {
    const auto next = Clock::now() + 60s;
    const auto left = std::chrono::duration_cast<std::chrono::seconds>(end - Clock::now());
    Result result;
    if (interval >= 60) {
      result = world.poll({"--once", "--hotel", hotels});
      std::this_thread::sleep_until(std::min(next, end));
    } else {
      result = world.poll({"--run-for", fmt::format("{}s", std::max<long>(1, left.count())),
                           "--interval", fmt::format("{}s", interval), "--hotel", hotels});
    }
    if (result.status != 0) {
      fmt::print(stderr, "ohip-poll ended with {}: {}\n", result.status, result.err);
    }
  }
}

void measure(int seconds, int interval) {
  World world({}, 1);
  Trickle trickle(world);
  const auto begin = Clock::now();
  const auto end = begin + std::chrono::seconds(seconds);
  std::thread job([&] { schedule(world, interval, end + 2s); });
  trickle.run(end - std::chrono::seconds(interval));  // what comes later would not be polled
  while (Clock::now() < end + 2s) {
    trickle.look();
    std::this_thread::sleep_for(2ms);
  }
  job.join();
  trickle.look();
  const std::vector<double> delays = trickle.sorted();
  if (delays.empty()) {
    fmt::print("{:>8} s: nothing arrived\n", interval);
    return;
  }
  const double minutes = Seconds(Clock::now() - begin).count() / 60;
  fmt::print("{:>8} s {:>8} {:>9} {:>10.3f} {:>10.3f} {:>10.3f} {:>11.0f}\n", interval,
             trickle.queued(), delays.size(), delays[delays.size() / 2],
             delays[delays.size() * 99 / 100], delays.back(),
             static_cast<double>(world.ohip.stats().polls) / minutes);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    fmt::print(stderr, "usage: delay SECONDS INTERVAL…\n");
    return 64;
  }
  fmt::print("{:>10} {:>8} {:>9} {:>10} {:>10} {:>10} {:>11}\n", "interval", "events", "arrived",
             "median s", "99 % s", "longest s", "polls/min");
  for (int i = 2; i < argc; ++i) {
    measure(std::atoi(argv[1]), std::atoi(argv[i]));
  }
}
