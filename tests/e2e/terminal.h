#pragma once

#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "e2e/process.h"

namespace ohip::test {

// A program with a terminal of its own, which is all that it reads and writes.
class Terminal {
 public:
  Terminal(std::vector<std::string> arguments, const Environment& environment,
           std::size_t columns = 80) {
    std::vector<std::string> variables;
    for (const auto& [name, value] : environment) {
      variables.push_back(name + "=" + value);
    }
    const std::vector<char*> argv = pointers(arguments);
    const std::vector<char*> envp = pointers(variables);
    winsize size = {};
    size.ws_row = 24;
    size.ws_col = static_cast<unsigned short>(columns);
    pid_ = forkpty(&master_, nullptr, nullptr, &size);
    if (pid_ < 0) {
      throw std::runtime_error("no terminal");
    }
    if (pid_ == 0) {
      execve(argv[0], argv.data(), envp.data());
      _exit(127);
    }
  }
  ~Terminal() {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
    close(master_);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  // What it has shown so far, once that holds the text, or it has ended.
  const std::string& read_until(std::string_view text) {
    std::string piece(4096, '\0');
    while (shown_.find(text) == std::string::npos) {
      const ssize_t size = read(master_, piece.data(), piece.size());
      if (size == 0 || (size < 0 && errno != EINTR)) {  // EIO: the program has ended
        break;
      }
      shown_.append(piece, 0, size > 0 ? static_cast<std::size_t>(size) : 0);
    }
    return shown_;
  }

  void type(std::string_view keys) const {
    [[maybe_unused]] const ssize_t ignored = write(master_, keys.data(), keys.size());
  }

  // Its exit status; all that it has shown.
  Result wait() {
    read_until("\x01 never shown");
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = -1;
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status), shown_, {}};
  }

 private:
  static std::vector<char*> pointers(std::vector<std::string>& strings) {
    std::vector<char*> list;
    for (std::string& string : strings) {
      list.push_back(string.data());
    }
    list.push_back(nullptr);
    return list;
  }

  int master_ = -1;
  pid_t pid_ = -1;
  std::string shown_;
};

inline constexpr std::string_view kErase = "\r\x1b[K";

// What of it is no line of its own: each thing that was shown to be overwritten.
inline std::vector<std::string> progress(const std::string& shown) {
  std::vector<std::string> lines;
  for (std::size_t at = shown.find(kErase); at != std::string::npos; at = shown.find(kErase, at)) {
    at += kErase.size();
    const std::string line = shown.substr(at, shown.find_first_of("\r\n", at) - at);
    if (!line.empty() && shown.compare(at + line.size(), 2, "\r\n") != 0) {
      lines.push_back(line);
    }
  }
  return lines;
}

}  // namespace ohip::test
