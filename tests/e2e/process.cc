#include "process.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "support/temporary_directory.h"

namespace ohip::test {
namespace fs = std::filesystem;
namespace {

std::string read(const fs::path& path) {
  std::ostringstream content;
  content << std::ifstream(path, std::ios::binary).rdbuf();
  return content.str();
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> list;
  for (std::string& string : strings) {
    list.push_back(string.data());
  }
  list.push_back(nullptr);
  return list;
}

void redirect(int to, const fs::path& path) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  dup2(fd, to);
}

bool is_under_test(const std::string& argument) {
  return fs::path(argument).filename().string().starts_with("ohip-poll");
}

// Texts that must never be printed: what makes an access token, guests of the simulator, and the
// environment's secrets.
std::vector<std::string> forbidden_texts(const Environment& environment) {
  std::vector<std::string> texts = {"eyJ",   "Bearer ", "Muñoz",    "Ångström", "Иванова",
                                    "Smith", "العربي",  "oldValue", "newValue"};
  for (const auto& [name, value] : environment) {
    for (const char* mark : {"SECRET", "PASSWORD", "APP_KEY", "PING_URL"}) {
      if (name.find(mark) != std::string::npos && !name.ends_with("_FILE") && !value.empty()) {
        texts.push_back(value);
      }
    }
  }
  return texts;
}

}  // namespace

Process::Process(const std::vector<std::string>& arguments, const Environment& environment,
                 const fs::path& out, const fs::path& err) {
  std::vector<std::string> argument_copies = arguments;
  std::vector<std::string> variables;
  for (const auto& [name, value] : environment) {
    variables.push_back(name + "=" + value);
  }
  const std::vector<char*> argv = pointers(argument_copies);
  const std::vector<char*> envp = pointers(variables);
  if (std::any_of(arguments.begin(), arguments.end(), is_under_test)) {
    printed_ = {out, err};
    forbidden_ = forbidden_texts(environment);
  }
  pid_ = fork();
  if (pid_ < 0) {
    throw std::runtime_error("fork failed");
  }
  if (pid_ == 0) {
    redirect(STDOUT_FILENO, out);
    redirect(STDERR_FILENO, err);
    execve(argv[0], argv.data(), envp.data());
    _exit(127);
  }
}

Process::~Process() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
}

void Process::signal(int number) const {
  kill(pid_, number);
}

int Process::wait() {
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = -1;
  for (const fs::path& path : printed_) {
    const std::string text = read(path);
    for (const std::string& forbidden : forbidden_) {
      if (text.find(forbidden) != std::string::npos) {
        throw std::logic_error("printed what must not be told: " + text);
      }
    }
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

Result run(const std::vector<std::string>& arguments, const Environment& environment) {
  const TemporaryDirectory directory;
  Process process(arguments, environment, directory / "out", directory / "err");
  const int status = process.wait();
  return {status, read(directory / "out"), read(directory / "err")};
}

Server::Server(const std::vector<std::string>& arguments, const fs::path& directory)
    : out_(directory / (fs::path(arguments[0]).filename().string() + ".out")),
      process_(arguments, {}, out_, fs::path(out_).replace_extension(".err")) {
  using namespace std::chrono_literals;
  const std::string marker = "listening on ";
  const auto deadline = std::chrono::steady_clock::now() + 30s;
  while (std::chrono::steady_clock::now() < deadline) {
    const std::string printed = read(out_);
    const std::size_t at = printed.find(marker);
    const std::size_t end = printed.find('\n', at);
    if (at != std::string::npos && end != std::string::npos) {
      where_ = printed.substr(at + marker.size(), end - at - marker.size());
      return;
    }
    std::this_thread::sleep_for(10ms);
  }
  throw std::runtime_error(arguments[0] +
                           " did not start: " + read(fs::path(out_).replace_extension(".err")));
}

}  // namespace ohip::test
