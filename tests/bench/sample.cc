#include "bench/sample.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <stdexcept>

#include "support/temporary_directory.h"

namespace ohip::bench {
namespace {

constexpr double kThousand = 1e3;
constexpr double kKiBInMiB = 1024;

}  // namespace

Spread spread(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return {values.at(values.size() / 2), values.front(), values.back()};
}

Spread spread(const std::vector<Sample>& samples, double Sample::*figure) {
  std::vector<double> values;
  for (const Sample& sample : samples) {
    values.push_back(sample.*figure);
  }
  return spread(std::move(values));
}

Sample measure(const std::vector<std::string>& arguments, const test::Environment& environment) {
  const test::TemporaryDirectory directory;
  std::vector<std::string> words = {METER, directory / "cost"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  const test::Result result = test::run(words, environment);
  if (result.status != 0) {
    throw std::runtime_error(
        fmt::format("{} ended with {}: {}", arguments.at(0), result.status, result.err));
  }
  Sample sample;
  std::ifstream(directory / "cost") >> sample.wall >> sample.cpu >> sample.memory;
  return {sample.wall / kThousand, sample.cpu / kThousand, sample.memory / kKiBInMiB};
}

}  // namespace ohip::bench
