#pragma once

#include <optional>
#include <string>

#include "bench/sample.h"

namespace ohip::bench {

struct Target {
  enum class Bound { kAtMost, kAtLeast };
  Bound bound;
  double value;
};

inline Target at_most(double value) {
  return {Target::Bound::kAtMost, value};
}
inline Target at_least(double value) {
  return {Target::Bound::kAtLeast, value};
}

void print_header();
// What the rows below it have in common.
void print_title(const std::string& title);
void print_row(const std::string& what, const Spread& figures, std::optional<Target> target = {});
void print_row(const std::string& what, double figure, std::optional<Target> target = {});

}  // namespace ohip::bench
