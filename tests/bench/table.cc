#include "bench/table.h"

#include <fmt/format.h>

#include <cstdio>

namespace ohip::bench {
namespace {

// Three digits that count.
std::string number(double value) {
  return value >= 100  ? fmt::format("{:.0f}", value)
         : value >= 10 ? fmt::format("{:.1f}", value)
                       : fmt::format("{:.2f}", value);
}

void print(const std::string& what, const std::string& median, const std::string& min,
           const std::string& max, const std::string& target) {
  fmt::print("{:<54} {:>8} {:>8} {:>8}  {}\n", what, median, min, max, target);
  std::fflush(stdout);
}

std::string verdict(double figure, const std::optional<Target>& target) {
  if (!target) {
    return {};
  }
  const bool at_most = target->bound == Target::Bound::kAtMost;
  const bool met = at_most ? figure <= target->value : figure >= target->value;
  return fmt::format("{} {:<6} {}", at_most ? "≤" : "≥", fmt::format("{:g}", target->value),
                     met ? "met" : "MISSED");
}

}  // namespace

void print_header() {
  print("", "median", "min", "max", "target");
}

void print_title(const std::string& title) {
  fmt::print("\n{}\n", title);
}

void print_row(const std::string& what, const Spread& figures, std::optional<Target> target) {
  print("  " + what, number(figures.median), number(figures.min), number(figures.max),
        verdict(figures.median, target));
}

void print_row(const std::string& what, double figure, std::optional<Target> target) {
  print("  " + what, number(figure), "", "", verdict(figure, target));
}

}  // namespace ohip::bench
