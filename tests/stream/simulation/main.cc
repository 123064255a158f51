// stream_simulation SECONDS [SEED]: worlds of made-up time, each from a seed, in which the session
// that users run moves events from a made-up OHIP to a made-up Kafka, and is killed, fenced, locked
// out and lied to on the way. A world ends quietly, and then what is committed must be what OHIP
// has sent: in order, once. The seed of one where it is not is printed; stream_simulation 0 SEED
// shows that world step by step.

#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>

#include "stream/simulation/run.h"

namespace ohip::simulation {
namespace {

using namespace std::chrono_literals;

// Two machines with the same crontab, perhaps.
class Simulation {
 public:
  Simulation(std::uint64_t seed, Counts& counts, bool told) : world_(seed, counts) {
    world_.told = told;
    ++counts.worlds;
    machines_.resize(1 + world_.random.below(2));
    emit_until_ = world_.random.between(1min, 40min);
    runs_left_ = 3 + world_.random.below(8);
    rate_ = world_.random.chance(0.2) ? 3s : 40s;
  }

  void run() {
    emit();
    for (std::size_t machine = 0; machine < machines_.size(); ++machine) {
      start(machine);
    }
    while (world_.agenda.step()) {
      check_order();
    }
    world_.faults = false;
    for (int i = 0; i < 20 && !complete(); ++i) {
      const auto last = std::make_shared<Run>(world_, ohip_, kafka_, 1h, true);
      last->begin();
      while (world_.agenda.step()) {
      }
      told_gap_ = told_gap_ || last->told_gap();
      check_order();
    }
    promise(complete(), "events are missing at the end");
  }

 private:
  void emit() {
    if (world_.agenda.time() > emit_until_) {
      return;
    }
    for (auto burst = 1 + world_.random.below(world_.random.chance(0.1) ? 30 : 2); burst-- > 0;) {
      ohip_.emit();
    }
    world_.agenda.in(world_.random.between(1ms, 2 * rate_), [this] { emit(); });
  }

  // As cron does, or a person after the week-end.
  void start(std::size_t machine) {
    if (runs_left_ == 0) {
      return;
    }
    --runs_left_;
    const bool drain = world_.random.chance(0.3);
    const Milliseconds run_for = world_.random.between(20s, 600s);
    const auto run = std::make_shared<Run>(world_, ohip_, kafka_, run_for, drain);
    machines_[machine] = run;
    run->begin();
    if (world_.random.chance(0.2)) {
      world_.agenda.in(world_.random.between(0ms, run_for), [run] { run->stop(); });
    }
    watch(machine);
  }

  void watch(std::size_t machine) {
    world_.agenda.in(1s, [this, machine] {
      const Run& run = *machines_[machine];
      told_gap_ = told_gap_ || run.told_gap();
      if (!run.over()) {
        return watch(machine);
      }
      Milliseconds pause = world_.random.between(0ms, 60s);
      if (world_.random.chance(0.02)) {
        pause = world_.random.between(1h, 10 * 24h);
        emit_until_ += pause;
        rate_ = std::max<Milliseconds>(rate_, pause / 20);
      }
      world_.agenda.in(pause, [this, machine] { start(machine); });
    });
  }

  // What has come so far is in OHIP's order, each once; events are passed by only where OHIP had
  // them no more, and then it was told, but by the first run of all; and what was older than six
  // days when that one began, by the first that commits an event.
  void check_order() {
    const auto& events = ohip_.events();
    for (; checked_ < kafka_.log().size(); ++checked_) {
      const std::string& id = kafka_.log()[checked_];
      while (next_ < events.size() && events[next_].id != id) {
        missing_ += may_be_passed_by(events[next_++]) ? 0U : 1U;
      }
      promise(next_ < events.size(), fmt::format("{} is committed twice, or out of order", id));
      ++next_;
    }
    position_ = kafka_.position();
    promise(missing_ == 0 || told_gap_ || any_gap_told(), "events are missing, and nobody says so");
  }

  bool may_be_passed_by(const Ohip::Event& event) const {
    const bool begins = position_ && position_->offset.empty() && position_->quiet == TimePoint{};
    const TimePoint emitted = world_.agenda.now().wall - (world_.agenda.time() - event.emitted);
    return !position_ || (begins && emitted < position_->since - 6 * 24h);
  }

  bool any_gap_told() const {
    for (const auto& run : machines_) {
      if (run && run->told_gap()) {
        return true;
      }
    }
    return false;
  }

  bool complete() const {
    return next_ == ohip_.events().size() || ohip_.oldest() == ohip_.events().size();
  }

  World world_;
  Ohip ohip_{world_};
  Kafka kafka_{world_};
  std::vector<std::shared_ptr<Run>> machines_;
  Milliseconds emit_until_{};
  Milliseconds rate_{};
  std::uint64_t runs_left_ = 0;
  std::size_t checked_ = 0;  // of Kafka's log
  std::size_t next_ = 0;     // of OHIP's events
  std::size_t missing_ = 0;
  std::optional<Position> position_;  // before the last step: what the next run can know of a gap
  bool told_gap_ = false;
};

bool try_world(std::uint64_t seed, Counts& counts, bool told) {
  try {
    Simulation(seed, counts, told).run();
    return true;
  } catch (const std::exception& broken) {
    fmt::print("seed {}: {}\n", seed, broken.what());
    return false;
  }
}

void print(const Counts& counts) {
  fmt::print(
      "{} worlds, {} runs, {} subscriptions: {} events sent, {} committed; {} kills, {} lock-outs, "
      "{} connections broken, {} take-overs, {} fenced, {} commits came through late, {} repeats, "
      "{} frames of no JSON, {} gaps told\n",
      counts.worlds, counts.runs, counts.subscriptions, counts.sent, counts.committed,
      counts.crashes, counts.locked_out, counts.broken, counts.take_overs, counts.fenced,
      counts.moved, counts.repeats, counts.asides, counts.gaps);
}

int simulate(std::chrono::seconds duration, std::uint64_t seed) {
  Counts counts;
  bool well = true;
  const auto end = std::chrono::steady_clock::now() + duration;
  do {
    well = try_world(seed++, counts, duration.count() == 0);
  } while (well && std::chrono::steady_clock::now() < end);
  print(counts);
  return well ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace
}  // namespace ohip::simulation

int main(int argc, char** argv) {
  if (argc < 2 || argc > 3) {
    fmt::print(stderr, "usage: stream_simulation SECONDS [SEED]\n");
    return 64;
  }
  const auto seed = argc == 3 ? std::stoull(argv[2])
                              : static_cast<unsigned long long>(
                                    std::chrono::system_clock::now().time_since_epoch().count());
  return ohip::simulation::simulate(std::chrono::seconds(std::stol(argv[1])), seed);
}
