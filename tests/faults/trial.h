#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "e2e/process.h"
#include "support/temporary_directory.h"

namespace ohip::faults {

// One class of faults: a line of the table.
struct Row {
  std::string name;
  std::size_t cases = 0;
  std::size_t handed_out = 0;
  std::size_t lost_allowed = 0;  // asked for, killed before a byte came; the next run said 76
  std::size_t lost = 0;
  std::size_t duplicated_allowed = 0;  // where the profile cannot know better
  std::size_t duplicated = 0;
  std::size_t quarantined = 0;            // files
  std::map<int, std::size_t> statuses{};  // of the broken runs
  std::vector<std::string> violations{};
};

using Job = std::function<void(Row&)>;

// All of them, so many at a time, because they wait most of the time. Each has a row of its own,
// which is added to this one.
void side_by_side(Row& row, const std::vector<Job>& jobs, std::size_t width = 24);

// A program that something happens to, in a directory and an environment of its own.
class Trial {
 public:
  Trial(Row& row, std::string what, std::string program);
  virtual ~Trial() = default;
  Trial(const Trial&) = delete;
  Trial& operator=(const Trial&) = delete;

  // The program, behind the words of prefix (strace and its options).
  test::Result run(const std::vector<std::string>& arguments = {"--once"},
                   const std::vector<std::string>& prefix = {});
  // The same, to look in on while it runs; observe() is then the caller's.
  std::unique_ptr<test::Process> start(const std::vector<std::string>& arguments,
                                       const std::string& log = "run");
  std::vector<std::string> command(const std::vector<std::string>& arguments) const;
  std::string said(const std::string& log = "run") const;

  // What a run that has ended left behind.
  virtual void observe(const test::Result& result);

  void expect(bool holds, const std::string& promise);

  test::TemporaryDirectory directory;
  std::filesystem::path spool = directory / "spool";
  test::Environment environment;

 protected:
  Row& row() { return row_; }
  const std::vector<test::Result>& results() const { return results_; }
  // The runs so far were the broken ones.
  void count_statuses();

 private:
  Row& row_;
  std::string what_;
  std::string program_;
  std::vector<test::Result> results_;
};

bool contains(const std::string& text, const std::string& part);
std::string read(const std::filesystem::path& path);
// Those that hold events, or reasons.
std::vector<std::filesystem::path> files_in(const std::filesystem::path& directory);

}  // namespace ohip::faults
