#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <functional>
#include <string>

#include "base/file.h"
#include "support/temporary_directory.h"

namespace ohip::test {

// A standard stream is something else for the object's lifetime.
class Redirected {
 public:
  Redirected(int stream, int to) : stream_(stream), before_(dup(stream)) { dup2(to, stream); }
  ~Redirected() { dup2(before_.get(), stream_); }
  Redirected(const Redirected&) = delete;
  Redirected& operator=(const Redirected&) = delete;

 private:
  int stream_;
  UniqueFd before_;
};

// What is printed on stderr meanwhile.
inline std::string printed(const std::function<void()>& work) {
  const TemporaryDirectory directory;
  {
    const UniqueFd file = open_file(directory / "err", O_WRONLY | O_CREAT, ExitStatus::kSpool);
    const Redirected redirected(STDERR_FILENO, file.get());
    work();
  }
  return read_file(directory / "err", ExitStatus::kSpool);
}

}  // namespace ohip::test
