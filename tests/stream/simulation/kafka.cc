#include "stream/simulation/kafka.h"

#include <utility>

namespace ohip::simulation {

using namespace std::chrono_literals;

int Kafka::take_over() {
  ++world_.counts.take_overs;
  if (prepared_) {
    finish(prepared_->number);
  }
  return ++epoch_;
}

void Kafka::commit(int epoch, std::vector<std::string> records, const Position& position,
                   Answer answer) {
  const Milliseconds travels =
      world_.fault(0.02) ? world_.random.between(0ms, 200s) : world_.random.between(1ms, 30ms);
  world_.agenda.in(travels, [this, epoch, records = std::move(records), position,
                             answer = std::move(answer)]() mutable {
    if (epoch != epoch_) {
      ++world_.counts.fenced;
      return answer(false);
    }
    promise(!prepared_, "two commits of one producer at once");
    prepared_ = Prepared{std::move(records), position, std::move(answer), ++count_};
    const Milliseconds writes =
        world_.fault(0.05) ? world_.random.between(0ms, 300s) : world_.random.between(1ms, 20ms);
    world_.agenda.in(writes, [this, number = count_] { finish(number); });
  });
}

void Kafka::finish(int number) {
  if (!prepared_ || prepared_->number != number) {
    return;
  }
  const Prepared done = *std::exchange(prepared_, std::nullopt);
  log_.insert(log_.end(), done.records.begin(), done.records.end());
  position_ = done.position;
  world_.tell("committed: {} events up to {} ({})", done.records.size(), done.position.offset,
              done.position.ended);
  world_.counts.committed += done.records.size();
  world_.agenda.in(world_.random.between(1ms, 20ms), [answer = done.answer] { answer(true); });
}

}  // namespace ohip::simulation
