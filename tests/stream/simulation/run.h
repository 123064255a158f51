#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "stream/session.h"
#include "stream/simulation/kafka.h"
#include "stream/simulation/ohip.h"

namespace ohip::simulation {

// One process: the session that users run, between a made-up OHIP and a made-up Kafka. It can be
// killed between any two things that happen.
class Run : public std::enable_shared_from_this<Run> {
 public:
  Run(World& world, Ohip& ohip, Kafka& kafka, Milliseconds run_for, bool drain);

  void begin();
  bool over() const { return killed_ || session_.ended(); }
  bool told_gap() const { return told_gap_; }
  void stop();
  void kill();

 private:
  // What happens to this process later, if it still lives then.
  template <typename Function>
  void later(Milliseconds delay, Function function) {
    world_.agenda.in(delay, [self = weak_from_this(), function]() mutable {
      const auto run = self.lock();
      if (run && !run->over()) {
        function(*run);
        run->follow();
      }
    });
  }

  void follow();
  void read();
  void schedule_tick();
  void take(action::AskPosition& ask);
  void take(action::Connect& connect);
  void take(action::Send& send);
  void take(action::Close& close);
  void take(action::TakeOver& take_over);
  void take(action::Publish& publish);
  void take(action::Settle& settle);
  void take(action::Tell& tell);
  void take(action::Note& note);
  void take(action::End& end);
  void hear(int connection, const Heard& heard);
  void begin_at(const std::optional<Position>& found, TimePoint since);
  void fail();
  void commit();
  void committed();

  World& world_;
  Ohip& ohip_;
  Kafka& kafka_;
  Milliseconds end_;
  Session session_;
  bool killed_ = false;
  bool told_gap_ = false;
  std::uint64_t number_;
  std::uint64_t steps_left_;  // until it is killed

  int connection_ = 0;
  int closing_ = 0;  // by us
  std::deque<Heard> inbox_;
  SteadyPoint tick_{SteadyPoint::max()};  // scheduled

  // The publisher.
  int epoch_ = 0;
  std::optional<Position> position_;
  std::deque<StreamEvent> queue_;
  bool committing_ = false;
  bool cut_planned_ = false;
  bool room_ = true;
  std::optional<action::Settle> settle_;
};

}  // namespace ohip::simulation
