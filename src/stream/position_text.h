#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kafka/group_offset.h"
#include "stream/position.h"

namespace ohip {

// A position as it is committed: the metadata is a JSON object, the number is OHIP's offset where
// it fits (up to 18 digits, as OHIP writes them), for clusters that do not keep metadata.
class PositionText {
 public:
  // Throws Error kConfig for what cannot be a position: it is never taken for none. Members that
  // this version does not know are kept for write().
  std::optional<Position> read(const std::optional<GroupOffset>& committed);

  // Never longer than Kafka takes.
  GroupOffset write(const Position& position) const;

 private:
  using Members = std::vector<std::pair<std::string, std::string>>;  // name, JSON

  Members unknown_;
};

}  // namespace ohip
