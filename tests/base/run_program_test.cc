#include "base/run_program.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <stdexcept>

#include "base/file.h"
#include "support/catch.h"
#include "support/temporary_directory.h"

using namespace ohip;
using namespace ohip::test;

namespace {

// How run_program() ends in a process of its own; minus the signal that ended it.
int end_of(const std::function<void()>& before, const std::function<ExitStatus()>& work) {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    before();
    _exit(run_program(work));
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

void close_standard_streams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    close(stream);
  }
}

}  // namespace

TEST_CASE("where the standard streams are closed no file of ours is given their numbers") {
  const TemporaryDirectory directory;
  const std::filesystem::path file = directory / "answer";
  const int status = end_of(close_standard_streams, [&] {
    const UniqueFd fd = open_file(file, O_WRONLY | O_CREAT, ExitStatus::kSpool);
    const bool prints_nowhere =
        write(STDOUT_FILENO, "x", 1) < 0 && write(STDERR_FILENO, "x", 1) < 0;
    return fd.get() > STDERR_FILENO && prints_nowhere ? ExitStatus::kOk : ExitStatus::kSoftware;
  });
  CHECK(status == 0);
  CHECK(std::filesystem::file_size(file) == 0);
}

TEST_CASE("nobody is told where to write a TLS connection's keys") {
  const auto name_file = [] { setenv("SSLKEYLOGFILE", "/dev/stderr", 1); };
  CHECK(end_of(name_file, [] {
          return std::getenv("SSLKEYLOGFILE") == nullptr ? ExitStatus::kOk : ExitStatus::kSoftware;
        }) == 0);
}

TEST_CASE("a limit of file sizes is an error of the write and no signal") {
  const TemporaryDirectory directory;
  const auto limit_files = [] {
    const rlimit limit = {1, 1};
    setrlimit(RLIMIT_FSIZE, &limit);
  };
  const int status = end_of(limit_files, [&] {
    const UniqueFd fd = open_file(directory / "answer", O_WRONLY | O_CREAT, ExitStatus::kSpool);
    const bool first = write(fd.get(), "x", 1) == 1;
    const bool refused = write(fd.get(), "y", 1) < 0 && errno == EFBIG;
    return first && refused ? ExitStatus::kOk : ExitStatus::kSoftware;
  });
  CHECK(status == 0);
}

TEST_CASE("whatever is thrown becomes an exit status") {
  const auto nothing = [] {};
  CHECK(end_of(close_standard_streams,
               []() -> ExitStatus { throw Error(ExitStatus::kPossibleLoss, "what: why"); }) == 76);
  CHECK(end_of(close_standard_streams, []() -> ExitStatus { throw std::bad_alloc(); }) == 70);
  CHECK(end_of(close_standard_streams, []() -> ExitStatus { throw 1; }) == 70);
  CHECK(end_of(nothing, [] { return ExitStatus::kPending; }) == 75);
}
