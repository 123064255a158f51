#pragma once

#include <string>
#include <vector>

#include "e2e/process.h"

namespace ohip::bench {

// What one run cost.
struct Sample {
  double wall = 0;    // milliseconds
  double cpu = 0;     // milliseconds, of the program and all it started
  double memory = 0;  // MiB at most; of several processes the largest
};

struct Spread {
  double median = 0;
  double min = 0;
  double max = 0;
};

Spread spread(std::vector<double> values);
Spread spread(const std::vector<Sample>& samples, double Sample::*figure);

// Runs a program to its end. Throws unless it exits with 0.
Sample measure(const std::vector<std::string>& arguments, const test::Environment& environment);

}  // namespace ohip::bench
