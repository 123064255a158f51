#include "faults/trace.h"

#include <fmt/format.h>

#include <algorithm>
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

  bool is_spool(const std::string& thread, const std::string& name, const std::string& line) {
    if (contains(line, directory_)) {
      if (name == "openat" && contains(line, "<unfinished")) {
        opening_.insert(thread);
      } else if (name == "openat") {
        resumed(line);
      }
      return true;
    }
    const std::size_t begin = line.find('(') + 1;
    const std::string fd = line.substr(begin, line.find_first_of(",) ", begin) - begin);
    const bool ours = open_.contains(fd);
    if (name == "close") {
      open_.erase(fd);
    }
    return ours;
  }

  // The end of a line that another thread's came between.
  void resumed(const std::string& thread, const std::string& line) {
    if (opening_.erase(thread) > 0) {
      resumed(line);
    }
  }

 private:
  void resumed(const std::string& line) { open_.insert(line.substr(line.rfind("= ") + 2)); }

  std::string directory_;
  std::set<std::string> open_;
  std::set<std::string> opening_;  // threads
};

// Calls through which a run can be told from outside; without those that only start it.
constexpr const char* kTellingCalls =
    "--trace=openat,read,write,close,flock,mkdir,getdents64,fallocate,ftruncate,fsync,"
    "rename,"
    "unlink,"
    "connect,sendto,recvfrom,sendmsg,recvmsg,poll,futex";

const std::regex kLine(R"(^(?:(\d+) +)?(\w+)\(.*)");

}  // namespace

std::vector<Call> trace(Trial& one, const std::vector<std::string>& arguments, Threads threads) {
  const std::string path = (one.directory / "trace").string();
  std::vector<std::string> strace = {STRACE, "-qq", "-o", path};
  if (threads == Threads::kAll) {
    strace.insert(strace.end(), {"-f", kTellingCalls});
  }
  one.run(arguments, strace);
  Descriptors descriptors(one.spool.string());
  std::map<std::pair<std::string, std::string>, int> counts;  // by thread and name
  std::set<std::pair<std::string, int>> known;
  std::vector<Call> calls;
  std::ifstream lines(path);
  for (std::string line; std::getline(lines, line);) {
    std::smatch parts;
    if (!std::regex_match(line, parts, kLine) || parts[2] == "execve") {
      descriptors.resumed(line.substr(0, line.find(' ')), line);
      continue;
    }
    const std::string thread = parts[1];
    const std::string name = parts[2];
    const int ordinal = ++counts[{thread, name}];
    const bool storage = descriptors.is_spool(thread, name, line);
    if (known.insert({name, ordinal}).second) {
      calls.push_back({name, ordinal, storage, line});
    } else if (storage) {
      std::find_if(calls.begin(), calls.end(), [&](const Call& call) {
        return call.name == name && call.ordinal == ordinal;
      })->storage = true;
    }
  }
  return calls;
}

std::vector<std::string> break_at(const Call& call, const std::string& action, Threads threads,
                                  bool from_then_on) {
  std::vector<std::string> words = {STRACE, "-qq", "-o", "/dev/null"};
  if (threads == Threads::kAll) {
    words.push_back("-f");
  }
  words.push_back("--trace=" + call.name);
  words.push_back(fmt::format("--inject={}:{}:when={}{}", call.name, action, call.ordinal,
                              from_then_on ? "+" : ""));
  return words;
}

}  // namespace ohip::faults
