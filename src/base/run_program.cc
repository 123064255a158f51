#include "base/run_program.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "base/log.h"

namespace ohip {
namespace {

// Where a standard stream was closed (1>&-), the next file to be opened would be given its number,
// and what is printed would land in an answer of OHIP's. Opened the wrong way round, so that
// printing still fails.
void open_standard_streams() {
  constexpr const char* kNowhere = "/dev/null";
  constexpr const char* kAlwaysThere = "/";
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(stream, F_GETFD) < 0 &&
        open(kNowhere, stream == STDIN_FILENO ? O_WRONLY : O_RDONLY) < 0) {
      static_cast<void>(open(kAlwaysThere, O_RDONLY));
    }
  }
}

// A core would hold secrets and guest data.
void forbid_cores() {
  const rlimit none = {};
  setrlimit(RLIMIT_CORE, &none);
  prctl(PR_SET_DUMPABLE, 0);
}

// libcurl and others would write each TLS connection's keys into the file that it names.
void forbid_key_logs() {
  unsetenv("SSLKEYLOGFILE");
}

// Each queue that is being drained holds its lock file open.
void allow_many_files() {
  rlimit files = {};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
}

}  // namespace

int run_program(const std::function<ExitStatus()>& work) {
  open_standard_streams();
  forbid_cores();
  forbid_key_logs();
  allow_many_files();
  static_cast<void>(std::signal(SIGPIPE, SIG_IGN));
  static_cast<void>(std::signal(SIGXFSZ, SIG_IGN));
  try {
    return static_cast<int>(work());
  } catch (...) {
    const Error error = current_error();
    Log(LogLevel::kError).error(error);
    return static_cast<int>(error.status());
  }
}

}  // namespace ohip
