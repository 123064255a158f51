#include "faults/trace.h"

#include <fmt/format.h>

#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <utility>

namespace ohip::faults {
namespace {

// Follows which descriptors are the spool's: strace can print their paths only to root, because
// the program forbids others to look into it.
class Descriptors {
 public:
  explicit Descriptors(std::string directory) : directory_(std::move(directory)) {}

  bool is_spool(const std::string& name, const std::string& line) {
    if (contains(line, directory_)) {
      if (name == "openat") {
        open_.insert(line.substr(line.rfind("= ") + 2));
      }
      return true;
    }
    const std::size_t begin = line.find('(') + 1;
    const std::string fd = line.substr(begin, line.find_first_of(",)", begin) - begin);
    const bool ours = open_.contains(fd);
    if (name == "close") {
      open_.erase(fd);
    }
    return ours;
  }

 private:
  std::string directory_;
  std::set<std::string> open_;
};

// As a thread's calls are counted, keep the longest count of each name.
std::vector<Call> merge(const std::map<std::string, std::map<std::string, int>>& threads) {
  std::map<std::string, int> most;
  for (const auto& [thread, counts] : threads) {
    for (const auto& [name, count] : counts) {
      most[name] = std::max(most[name], count);
    }
  }
  std::vector<Call> calls;
  for (const auto& [name, count] : most) {
    for (int i = 1; i <= count; ++i) {
      calls.push_back({name, i, false, {}});
    }
  }
  return calls;
}

const std::regex kLine(R"(^(?:(\d+) +)?(\w+)\(.*)");

}  // namespace

std::vector<Call> trace(Case& one, const std::vector<std::string>& arguments, bool main_thread) {
  const std::string path = (one.directory / "trace").string();
  std::vector<std::string> strace = {STRACE, "-qq", "-o", path};
  if (!main_thread) {
    strace.insert(strace.end(), {"-f", "--trace=sendmsg,recvmsg,poll,futex,write,connect"});
  }
  one.run(arguments, strace);
  Descriptors descriptors(one.spool.string());
  std::map<std::string, std::map<std::string, int>> threads;
  std::vector<Call> calls;
  std::ifstream lines(path);
  std::string first_thread;
  for (std::string line; std::getline(lines, line);) {
    std::smatch parts;
    if (!std::regex_match(line, parts, kLine) || parts[2] == "execve") {
      continue;
    }
    const std::string thread = parts[1];
    const std::string name = parts[2];
    first_thread = first_thread.empty() ? thread : first_thread;
    const int ordinal = ++threads[thread][name];
    calls.push_back({name, ordinal, descriptors.is_spool(name, line), line});
  }
  if (main_thread) {
    return calls;
  }
  threads.erase(first_thread);
  return merge(threads);
}

std::vector<std::string> break_at(const Call& call, const std::string& action, bool main_thread,
                                  bool from_then_on) {
  std::vector<std::string> words = {STRACE, "-qq", "-o", "/dev/null"};
  if (!main_thread) {
    words.push_back("-f");
  }
  words.push_back("--trace=" + call.name);
  words.push_back(fmt::format("--inject={}:{}:when={}{}", call.name, action, call.ordinal,
                              from_then_on ? "+" : ""));
  return words;
}

}  // namespace ohip::faults
