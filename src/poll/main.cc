#include <fmt/format.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/request_id.h"
#include "base/run_program.h"
#include "base/stop.h"
#include "config/command_line.h"
#include "config/config.h"
#include "config/kafka_properties.h"
#include "poll/check.h"
#include "poll/job.h"
#include "report/metrics.h"
#include "report/report.h"
#include "report/watchdog.h"

namespace {

using namespace ohip;

// On a terminal a person watches.
LogLevel level_for(const Config& config) {
  const bool watched = isatty(STDERR_FILENO) != 0 && config.log_level == LogLevel::kWarning;
  return watched ? LogLevel::kInfo : config.log_level;
}

void print_report(const RunReport& report, const Config& config, const Clock& clock,
                  const Log& log) {
  if (config.report_json) {
    fmt::print("{}\n", to_json(report));
  }
  if (config.metrics_file.empty()) {
    return;
  }
  try {
    write_metrics(config.metrics_file, report, clock.now());
  } catch (const Error& error) {
    log.warning("the metrics are not written: {}", error.what());
  }
}

ExitStatus run(int argc, char** argv) {
  const Options options = parse_command_line(argc, argv);
  if (!options.text.empty()) {
    fmt::print("{}", options.text);
    return ExitStatus::kOk;
  }
  const Config config = load_config(options, process_environment());
  leave_sasl_plugins_out(config.kafka);
  const Stop stop;
  SystemClock clock(stop);
  const Log log(level_for(config), config.log_format, make_request_id());
  if (config.mode == Mode::kCheck) {
    return check(config, clock, log);
  }
  Watchdog watchdog(config, log);
  watchdog.run_began();
  const RunReport report = run_job(config, clock, stop, log);
  print_report(report, config, clock, log);
  watchdog.run_ended(report.status);
  return report.status;
}

}  // namespace

int main(int argc, char** argv) {
  return run_program([&] { return run(argc, argv); });
}
