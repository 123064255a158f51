// How long an event waits between OPERA's queue and Kafka: five hotels, events at random moments,
// the real ohip-poll as cron runs it.

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "bench/classes.h"
#include "bench/table.h"
#include "e2e/world.h"
#include "faults/reader.h"

namespace ohip::bench {
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
  faults::Reader reader_;
  std::mt19937 random_;
  std::map<std::string, Clock::time_point> queued_;
  std::size_t seen_ = 0;
  std::vector<double> delays_;
};

// From an interval of a minute on, a run empties the queues and the next one begins a minute later;
// below it runs for the whole time.
void schedule(const World& world, int interval, Clock::time_point end) {
  const std::string hotels = fmt::format("{}", fmt::join(kHotels, ","));
  while (Clock::now() < end) {
    const auto next = Clock::now() + 60s;
    const auto left = std::chrono::duration_cast<std::chrono::seconds>(end - Clock::now());
    Result result;
    if (interval >= 60) {
      result = world.poll({"--drain", "--hotel", hotels});
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
  if (delays.size() != trickle.queued()) {
    throw std::runtime_error(
        fmt::format("{} events of {} arrived", delays.size(), trickle.queued()));
  }
  const double minutes = Seconds(Clock::now() - begin).count() / 60;
  const std::string every = fmt::format("every {} s: ", interval);
  print_row(every + "median, s", delays[delays.size() / 2]);
  print_row(every + "99th percentile, s", delays[delays.size() * 99 / 100]);
  print_row(every + "polls a minute", static_cast<double>(world.ohip.stats().polls) / minutes,
            at_most(301));
}

}  // namespace

void delay(bool quick) {
  print_title("delay from OPERA's queue to Kafka, 5 hotels, 2 events a second");
  measure(quick ? 15 : 60, 1);
  if (!quick) {
    measure(60, 5);
    measure(240, 60);
  }
}

}  // namespace ohip::bench
