#pragma once

#include <cstddef>
#include <iosfwd>
#include <string>
#include <vector>

#include "kafka/cluster/consumer.h"

namespace ohip::test {

// What became of the events that OHIP handed out.
struct Account {
  std::size_t handed_out = 0;
  std::size_t delivered = 0;  // each counted once
  std::size_t lost = 0;
  std::size_t duplicated = 0;  // deliveries beyond the first
  std::size_t foreign = 0;     // values that OHIP never handed out
  bool in_order = true;        // of each key, the first deliveries
  bool newest_last = true;     // of each key, the last deliveries are in order
};

Account settle(const std::vector<std::string>& handed_out, const std::vector<Message>& delivered);

std::ostream& operator<<(std::ostream& out, const Account& account);

}  // namespace ohip::test
