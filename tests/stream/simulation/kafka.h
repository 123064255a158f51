#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "stream/simulation/world.h"

namespace ohip::simulation {

// What a consumer of read_committed sees, and the position beside it. A commit that a coordinator
// has prepared comes through whatever becomes of who sent it; one that is on its way may arrive or
// not. Fencing settles both.
class Kafka {
 public:
  using Answer = std::function<void(bool committed)>;  // false: fenced

  explicit Kafka(World& world) : world_(world) {}

  const std::vector<std::string>& log() const { return log_; }
  // As committed; what is prepared does not show.
  const std::optional<Position>& position() const { return position_; }

  // Returns the new epoch.
  int take_over();
  // Records' ids, and the position behind them.
  void commit(int epoch, std::vector<std::string> records, const Position& position, Answer answer);

 private:
  struct Prepared {
    std::vector<std::string> records;
    Position position;
    Answer answer;
    int number;
  };

  void finish(int number);

  World& world_;
  std::vector<std::string> log_;
  std::optional<Position> position_;
  std::optional<Prepared> prepared_;
  int epoch_ = 0;
  int count_ = 0;
};

}  // namespace ohip::simulation
