#include "stream/simulation/run.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace ohip::simulation {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kRoom = 8;   // events
constexpr std::size_t kBatch = 4;  // of one transaction

SessionSettings settings(const World& world, Milliseconds run_for, bool drain) {
  return {.subscription = {.chain = "CHAIN"},
          .app_key = "key",
          .end = world.agenda.now().steady + run_for,
          .drain = drain};
}

}  // namespace

Run::Run(World& world, Ohip& ohip, Kafka& kafka, Milliseconds run_for, bool drain)
    : world_(world),
      ohip_(ohip),
      kafka_(kafka),
      end_(world.agenda.time() + run_for),
      session_(settings(world, run_for, drain), world.agenda.now(),
               [&world] { return world.random.fraction(); }),
      number_(++world.counts.runs),
      steps_left_(world.fault(0.4) ? 1 + world.random.below(world.random.chance(0.5) ? 20 : 200)
                                   : 1'000'000) {}

void Run::begin() {
  follow();
}

void Run::stop() {
  if (!over()) {
    session_.stop(world_.agenda.now());
    follow();
  }
}

void Run::kill() {
  killed_ = true;
  world_.tell("run {} is killed", number_);
  ++world_.counts.crashes;
  if (connection_ != 0) {
    ohip_.disconnect(std::exchange(connection_, 0));
  }
}

void Run::follow() {
  while (!over()) {
    if (--steps_left_ == 0) {
      return kill();
    }
    read();
    std::vector<Action> actions = session_.actions();
    if (actions.empty()) {
      break;
    }
    for (Action& wanted : actions) {
      std::visit([this](auto& action) { take(action); }, wanted);
    }
  }
  // Kafka's slowest take-over, with the commit behind it, and the last commit.
  constexpr auto kSlowest = 100s + 2 * 500s;
  promise(over() || world_.agenda.time() < end_ + kSlowest + 1min, "the run does not end");
  schedule_tick();
}

void Run::read() {
  while (!inbox_.empty() && session_.reading()) {
    const Heard heard = std::move(inbox_.front());
    inbox_.pop_front();
    if (heard.close != 0) {
      connection_ = closing_ = 0;
      world_.tell("run {} hears {}", number_, heard.close);
      session_.closed(world_.agenda.now(), heard.close, "", false);
    } else {
      world_.tell("run {} hears {}", number_, heard.text);
      session_.message(world_.agenda.now(), heard.text);
    }
  }
}

void Run::schedule_tick() {
  const SteadyPoint due = over() ? SteadyPoint::max() : session_.next_tick();
  if (due == SteadyPoint::max() || due == tick_) {
    return;
  }
  tick_ = due;
  const auto wait = std::chrono::ceil<Milliseconds>(due - world_.agenda.now().steady);
  later(std::max(wait, Milliseconds{0}), [due](Run& run) {
    if (run.tick_ == due) {
      run.tick_ = SteadyPoint::max();
      run.session_.tick(run.world_.agenda.now());
    }
  });
}

void Run::hear(int connection, const Heard& heard) {
  if (over() || connection != connection_) {
    return;
  }
  inbox_.push_back(heard);
  follow();
}

void Run::take(action::AskPosition& /*ask*/) {
  later(world_.random.between(1ms, 10ms), [](Run& run) {
    if (run.world_.fault(0.01)) {
      return run.session_.failed(run.world_.agenda.now(),
                                 Error(ExitStatus::kUnavailable, "Kafka is away"));
    }
    run.session_.positioned(run.world_.agenda.now(), run.kafka_.position());
  });
}

void Run::take(action::Connect& /*connect*/) {
  later(world_.random.between(1ms, 300ms), [](Run& run) {
    World& world = run.world_;
    if (world.fault(0.03)) {
      constexpr int kStatuses[] = {0, 429, 500, 503};
      Refusal refusal;
      refusal.status = kStatuses[world.random.below(std::size(kStatuses))];
      return run.session_.refused(world.agenda.now(), refusal);
    }
    if (world.fault(0.01)) {
      return run.session_.failed(world.agenda.now(), Error(ExitStatus::kUnavailable, "no token"));
    }
    run.inbox_.clear();
    const int connection = run.ohip_.connect();
    run.connection_ = connection;
    run.ohip_.listen(connection, [self = run.weak_from_this(), connection](const Heard& heard) {
      if (const auto alive = self.lock()) {
        alive->hear(connection, heard);
      }
    });
    const auto life = world.random.between(world.fault(0.1) ? 20s : 60s, 3'600s);
    run.session_.opened(world.agenda.now(), {.token = "token",
                                             .expires = world.agenda.now().wall + life,
                                             .id = "s" + std::to_string(connection)});
  });
}

void Run::take(action::Send& send) {
  world_.tell("run {} sends {}", number_, send.text);
  if (connection_ != 0) {
    ohip_.receive(connection_, send.text);
  }
}

// A connection ends once: by what waits to be read, or by our own close.
void Run::take(action::Close& close) {
  closing_ = connection_;
  if (connection_ != 0) {
    ohip_.disconnect(std::exchange(connection_, 0));
  }
  later(world_.random.between(1ms, 5s), [code = close.code, closing = closing_](Run& run) {
    if (closing != 0 && run.closing_ == closing) {
      run.closing_ = 0;
      run.session_.closed(run.world_.agenda.now(), code, "", true);
    }
  });
}

void Run::take(action::TakeOver& take_over) {
  promise(connection_ == 0 || ohip_.subscribed(connection_),
          "another machine is fenced by one that OHIP has not let in");
  queue_.clear();
  settle_.reset();
  room_ = true;
  const Milliseconds takes =
      world_.fault(0.03) ? world_.random.between(0ms, 100s) : world_.random.between(1ms, 500ms);
  later(takes, [since = take_over.since](Run& run) {
    if (run.world_.fault(0.01)) {
      return run.session_.failed(run.world_.agenda.now(),
                                 Error(ExitStatus::kUnavailable, "Kafka is away"));
    }
    run.epoch_ = run.kafka_.take_over();
    run.committing_ = false;
    run.begin_at(run.kafka_.position(), since);
  });
}

// That a subscription stands is written at once.
void Run::begin_at(const std::optional<Position>& found, TimePoint since) {
  world_.tell("run {} has taken over at {}", number_, found ? found->offset : "none");
  position_ = found.value_or(Position{.since = since});
  position_->ended.clear();
  kafka_.commit(epoch_, {}, *position_,
                [self = weak_from_this(), epoch = epoch_, found](bool done) {
                  const auto run = self.lock();
                  if (!run || run->over() || run->epoch_ != epoch) {
                    return;
                  }
                  if (done) {
                    run->session_.taken_over(run->world_.agenda.now(), found);
                  } else {
                    run->fail();
                  }
                  run->follow();
                });
}

void Run::fail() {
  queue_.clear();
  settle_.reset();
  epoch_ = 0;
  session_.failed(world_.agenda.now(), Error(ExitStatus::kUnavailable, "fenced"));
}

void Run::take(action::Publish& publish) {
  world_.tell("run {} publishes {}", number_, publish.event.unique_event_id);
  queue_.push_back(std::move(publish.event));
  if (room_ && queue_.size() >= kRoom) {
    room_ = false;
    session_.room(world_.agenda.now(), false);
  }
  if (queue_.size() >= kBatch) {
    commit();
  } else if (!std::exchange(cut_planned_, true)) {
    later(100ms, [](Run& run) {
      run.cut_planned_ = false;
      run.commit();
    });
  }
}

void Run::take(action::Settle& settle) {
  world_.tell("run {} settles as {}", number_, settle.ended);
  settle_ = settle;
  commit();
}

// All that waits, with the position behind it; and with the last of it how the subscription ended.
void Run::commit() {
  if (committing_ || (queue_.empty() && !settle_)) {
    return;
  }
  committing_ = true;
  Position position = position_.value_or(Position{});
  position.ended.clear();
  std::vector<std::string> records;
  for (; !queue_.empty() && (settle_ || records.size() < kBatch); queue_.pop_front()) {
    const StreamEvent& event = queue_.front();
    if (!event.offset.empty()) {
      position.offset = event.offset;
      position.unique_event_id = event.unique_event_id;
      position.received = event.received;
      position.since = {};
    }
    if (event.reject.empty()) {
      records.push_back(event.unique_event_id);
    }
  }
  if (settle_) {
    position.ended = settle_->ended;
    position.not_before = settle_->not_before;
    position.quiet = std::max(position.quiet, settle_->quiet);
  }
  kafka_.commit(epoch_, std::move(records), position,
                [self = weak_from_this(), epoch = epoch_, position,
                 settled = settle_.has_value()](bool done) {
                  const auto run = self.lock();
                  if (!run || run->over() || run->epoch_ != epoch || !run->committing_) {
                    return;
                  }
                  run->committing_ = false;
                  // An answer may be lost though the commit is not.
                  if (!done || run->world_.fault(0.005)) {
                    run->fail();
                  } else {
                    run->position_ = position;
                    if (settled) {
                      run->settle_.reset();
                      run->session_.settled(run->world_.agenda.now());
                    } else {
                      run->committed();
                    }
                  }
                  run->follow();
                });
}

void Run::committed() {
  if (!room_ && queue_.size() < kRoom / 2) {
    room_ = true;
    session_.room(world_.agenda.now(), true);
  }
  if (settle_ || queue_.size() >= kBatch) {
    commit();
  } else if (!queue_.empty() && !std::exchange(cut_planned_, true)) {
    later(100ms, [](Run& run) {
      run.cut_planned_ = false;
      run.commit();
    });
  }
}

void Run::take(action::Tell& tell) {
  world_.tell("run {} tells: {}", number_, tell.error.what());
  if (tell.error.status() == ExitStatus::kPossibleLoss) {
    told_gap_ = true;
    ++world_.counts.gaps;
  }
}

void Run::take(action::Note& note) {
  world_.tell("run {} notes: {}", number_, note.text);
  if (note.text.find("came through") != std::string::npos) {
    ++world_.counts.moved;
  }
}

void Run::take(action::End& end) {
  world_.tell("run {} ends: {}", number_, end.error ? end.error->what() : "well");
  if (connection_ != 0) {
    ohip_.disconnect(std::exchange(connection_, 0));
  }
}

}  // namespace ohip::simulation
