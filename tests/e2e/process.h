#pragma once

#include <sys/types.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace ohip::test {

using Environment = std::map<std::string, std::string>;

// A program that runs beside the test, with nothing in its environment but what is given; killed
// with the object. Where it is the program under test, wait() throws when it has printed a secret
// of its environment, an access token or a guest's data.
class Process {
 public:
  // arguments[0] is the program's path. What it prints goes to the two files.
  Process(const std::vector<std::string>& arguments, const Environment& environment,
          const std::filesystem::path& out, const std::filesystem::path& err);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void signal(int number) const;
  // Its exit status, or minus the signal that ended it.
  int wait();
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_;
  std::vector<std::filesystem::path> printed_;  // by the program under test
  std::vector<std::string> forbidden_;
};

struct Result {
  int status = 0;
  std::string out;
  std::string err;
};

// Runs a program to its end.
Result run(const std::vector<std::string>& arguments, const Environment& environment);

// A server that says "<name>: listening on <where>" on stdout once it is ready; stopped with the
// object.
class Server {
 public:
  Server(const std::vector<std::string>& arguments, const std::filesystem::path& directory);

  const std::string& where() const { return where_; }
  Process& process() { return process_; }

 private:
  std::filesystem::path out_;
  Process process_;
  std::string where_;
};

}  // namespace ohip::test
