#include "base/run_program.h"

#include <sys/prctl.h>
#include <sys/resource.h>

#include <csignal>
#include <exception>

#include "base/log.h"

namespace ohip {
namespace {

// A core would hold secrets and guest data.
void forbid_cores() {
  const rlimit none = {};
  setrlimit(RLIMIT_CORE, &none);
  prctl(PR_SET_DUMPABLE, 0);
}

// Each queue that is being drained holds its lock file open.
void allow_many_files() {
  rlimit files = {};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
}

int failed(const Error& error) {
  Log(LogLevel::kError).error(error);
  return static_cast<int>(error.status());
}

}  // namespace

int run_program(const std::function<ExitStatus()>& work) {
  forbid_cores();
  allow_many_files();
  static_cast<void>(std::signal(SIGPIPE, SIG_IGN));
  try {
    return static_cast<int>(work());
  } catch (const Error& error) {
    return failed(error);
  } catch (const std::exception& e) {
    return failed(internal_error(e));
  }
}

Error internal_error(const std::exception& e) {
  return {ExitStatus::kSoftware, fmt::format("internal error: {}", e.what()),
          "this is a bug: please report it; what was taken stays in the spool"};
}

}  // namespace ohip
