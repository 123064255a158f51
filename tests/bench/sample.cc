#include "bench/sample.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <stdexcept>

namespace ohip::bench {
namespace {

constexpr double kKiBInMiB = 1024;

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> list;
  for (std::string& string : strings) {
    list.push_back(string.data());
  }
  list.push_back(nullptr);
  return list;
}

double milliseconds(const timeval& time) {
  return 1e3 * static_cast<double>(time.tv_sec) + 1e-3 * static_cast<double>(time.tv_usec);
}

// A child's peak begins with what its parent holds when it is started.
void expect_own_memory(const rusage& child) {
  rusage self{};
  getrusage(RUSAGE_SELF, &self);
  if (child.ru_maxrss <= self.ru_maxrss) {
    throw std::logic_error("the bench is larger than what it measures");
  }
}

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
  std::vector<std::string> words = arguments;
  std::vector<std::string> variables;
  for (const auto& [name, value] : environment) {
    variables.push_back(name + "=" + value);
  }
  pid_t pid = -1;
  int status = 0;
  rusage usage{};
  const auto begin = std::chrono::steady_clock::now();
  if (posix_spawn(&pid, words.at(0).c_str(), nullptr, nullptr, pointers(words).data(),
                  pointers(variables).data()) != 0) {
    throw std::runtime_error("cannot run " + words[0]);
  }
  wait4(pid, &status, 0, &usage);
  const auto end = std::chrono::steady_clock::now();
  if (status != 0) {
    throw std::runtime_error(fmt::format("{} failed: {}", words[0], status));
  }
  expect_own_memory(usage);
  return {std::chrono::duration<double, std::milli>(end - begin).count(),
          milliseconds(usage.ru_utime) + milliseconds(usage.ru_stime),
          static_cast<double>(usage.ru_maxrss) / kKiBInMiB};
}

}  // namespace ohip::bench
