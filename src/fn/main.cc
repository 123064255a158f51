#include <fmt/format.h>

#include <cstdio>

#include "base/clock.h"
#include "base/error.h"
#include "base/run_program.h"
#include "base/stop.h"
#include "config/command_line.h"
#include "config/config.h"
#include "config/layers.h"
#include "fn/job.h"
#include "fn/server.h"

namespace {

using namespace ohip;

// Fn keeps what is printed; nothing else is left of an answer that nobody waits for.
void print(const FnAnswer& answer) {
  fmt::print("{}\n", answer.json);
  static_cast<void>(std::fflush(stdout));
}

ExitStatus serve(int argc, char** argv) {
  const Options options = parse_command_line(argc, argv);
  if (!options.text.empty()) {
    fmt::print("{}", options.text);
    return ExitStatus::kOk;
  }
  if (options.mode == Mode::kCheck || options.mode == Mode::kList ||
      options.mode == Mode::kRequeue) {
    fail(ExitStatus::kUsage,
         "--check, --list and --requeue are for ohip-poll: a call runs the job");
  }
  const Environment environment = process_environment();
  const Stop stop;
  SystemClock clock(stop);
  FnServer server(variable(environment, "FN_LISTENER"), [&](const FnCall& call) {
    FnAnswer answer = run_call(call, options, environment, clock, stop);
    print(answer);
    return answer;
  });
  server.serve(stop);
  return ExitStatus::kOk;
}

}  // namespace

int main(int argc, char** argv) {
  return run_program([&] { return serve(argc, argv); });
}
