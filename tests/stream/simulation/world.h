#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <functional>
#include <iterator>
#include <queue>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "stream/session.h"

namespace ohip::simulation {

// All that is not decided comes from here, so that a seed replays (splitmix64, Steele et al.).
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15U);
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31U);
  }
  std::uint64_t below(std::uint64_t bound) { return next() % bound; }
  bool chance(double probability) { return fraction() < probability; }
  double fraction() { return static_cast<double>(next() >> 11U) * 0x1.0p-53; }
  Milliseconds between(Milliseconds least, Milliseconds most) {
    return least + Milliseconds(below(static_cast<std::uint64_t>((most - least).count()) + 1));
  }

 private:
  std::uint64_t state_;
};

// A promise that was broken; its seed shows it again.
class Broken : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

inline void promise(bool kept, const std::string& what) {
  if (!kept) {
    throw Broken(what);
  }
}

// Made-up time: it passes from one thing that happens to the next.
class Agenda {
 public:
  Moment now() const {
    return {SteadyPoint(now_), TimePoint(std::chrono::seconds(1'795'460'825) + now_)};
  }
  Milliseconds time() const { return now_; }

  void in(Milliseconds delay, std::function<void()> what) {
    things_.push({now_ + delay, ++count_, std::move(what)});
  }
  // False: nothing is left to happen.
  bool step() {
    if (things_.empty()) {
      return false;
    }
    // The thing is moved out of the queue, which hands out constant ones.
    auto what = std::move(const_cast<Thing&>(things_.top()).what);
    now_ = things_.top().when;
    things_.pop();
    what();
    return true;
  }

 private:
  struct Thing {
    Milliseconds when;
    std::uint64_t number;  // of two at one time the earlier comes first
    std::function<void()> what;

    bool operator<(const Thing& other) const {
      return when != other.when ? when > other.when : number > other.number;
    }
  };

  Milliseconds now_{0};
  std::uint64_t count_ = 0;
  std::priority_queue<Thing> things_;
};

// What happened in all worlds, to show that all of it was tried.
struct Counts {
  std::uint64_t worlds = 0, runs = 0, subscriptions = 0, sent = 0, committed = 0, crashes = 0,
                locked_out = 0, broken = 0, take_overs = 0, fenced = 0, moved = 0, gaps = 0,
                repeats = 0, asides = 0;
};

struct World {
  explicit World(std::uint64_t seed, Counts& all) : random(seed), counts(all) {
    constexpr double kScales[] = {0, 0.2, 1, 1, 5};
    scale = kScales[random.below(std::size(kScales))];
  }

  Random random;
  Agenda agenda;
  Counts& counts;
  bool told = false;
  double scale;        // of all faults; worlds differ
  bool faults = true;  // the end of each world is quiet

  // One world alone is shown step by step.
  template <typename... Args>
  void tell(fmt::format_string<Args...> format, Args&&... args) const {
    if (told) {
      fmt::print("{:12.3f} {}\n", std::chrono::duration<double>(agenda.time()).count(),
                 fmt::format(format, std::forward<Args>(args)...));
    }
  }

  bool fault(double probability) { return faults && random.chance(probability * scale); }
};

}  // namespace ohip::simulation
