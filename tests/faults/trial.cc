#include "faults/trial.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <fstream>
#include <iterator>
#include <sstream>
#include <thread>
#include <utility>

namespace ohip::faults {
namespace fs = std::filesystem;
namespace {

void add_to(Row& all, Row&& one) {
  all.cases += one.cases;
  all.handed_out += one.handed_out;
  all.lost_allowed += one.lost_allowed;
  all.lost += one.lost;
  all.duplicated_allowed += one.duplicated_allowed;
  all.duplicated += one.duplicated;
  all.quarantined += one.quarantined;
  for (const auto& [status, count] : one.statuses) {
    all.statuses[status] += count;
  }
  std::ranges::move(one.violations, std::back_inserter(all.violations));
}

}  // namespace

void side_by_side(Row& row, const std::vector<Job>& jobs, std::size_t width) {
  std::vector<Row> rows(jobs.size());
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    for (std::size_t i = next++; i < jobs.size(); i = next++) {
      try {
        jobs[i](rows[i]);
      } catch (const std::exception& e) {
        rows[i].violations.push_back(fmt::format("case {}: {}", i, e.what()));
      }
    }
  };
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < std::min(width, jobs.size()); ++i) {
      threads.emplace_back(work);
    }
  }
  for (Row& one : rows) {
    add_to(row, std::move(one));
  }
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::string read(const fs::path& path) {
  std::ostringstream content;
  content << std::ifstream(path, std::ios::binary).rdbuf();
  return content.str();
}

std::vector<fs::path> files_in(const fs::path& directory) {
  std::vector<fs::path> found;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(directory, none)) {
    const fs::path name = entry.path().filename();
    if (entry.is_regular_file() && name != "lock" && name != "doubt" && name != "unserved") {
      found.push_back(entry.path());
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

Trial::Trial(Row& row, std::string what, std::string program)
    : row_(row), what_(std::move(what)), program_(std::move(program)) {}

std::vector<std::string> Trial::command(const std::vector<std::string>& arguments) const {
  std::vector<std::string> words = {program_};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return words;
}

test::Result Trial::run(const std::vector<std::string>& arguments,
                        const std::vector<std::string>& prefix) {
  std::vector<std::string> words = prefix;
  const std::vector<std::string> program = command(arguments);
  words.insert(words.end(), program.begin(), program.end());
  test::Result result = test::run(words, environment);
  observe(result);
  return result;
}

std::unique_ptr<test::Process> Trial::start(const std::vector<std::string>& arguments,
                                            const std::string& log) {
  return std::make_unique<test::Process>(command(arguments), environment,
                                         directory / (log + ".out"), directory / (log + ".err"));
}

std::string Trial::said(const std::string& log) const {
  return read(directory / (log + ".err"));
}

void Trial::observe(const test::Result& result) {
  results_.push_back(result);
}

void Trial::count_statuses() {
  for (const test::Result& result : results_) {
    ++row_.statuses[result.status];
  }
}

void Trial::expect(bool holds, const std::string& promise) {
  if (!holds) {
    std::string statuses;
    for (const test::Result& run : results_) {
      statuses += fmt::format(" {}", run.status);
    }
    row_.violations.push_back(fmt::format("{}: not kept: {} (exit{}; the first run said: {})",
                                          what_, promise.substr(0, 300), statuses,
                                          results_.empty() ? "" : results_.front().err));
  }
}

}  // namespace ohip::faults
