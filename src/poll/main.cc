#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/print.h"
#include "base/request_id.h"
#include "base/run_program.h"
#include "base/stop.h"
#include "config/command_line.h"
#include "config/config.h"
#include "config/kafka_properties.h"
#include "poll/check.h"
#include "poll/job.h"
#include "poll/listing.h"
#include "poll/requeue.h"
#include "report/metrics.h"
#include "report/pushgateway.h"
#include "report/report.h"
#include "report/tell.h"
#include "report/watchdog.h"

namespace {

using namespace ohip;

// Each alone: no trouble with one of them is the others', or the run's.
void tell_all(const RunReport& report, const Config& config, const Clock& clock, const Log& log,
              Watchdog& watchdog) {
  tell(log, "the report is not printed", [&] {
    if (config.report_json) {
      print(to_json(report) + '\n');
    }
  });
  tell(log, "the metrics are not written", [&] {
    if (!config.metrics_file.empty()) {
      write_metrics(config.metrics_file, report, clock.now());
    }
  });
  push_metrics(config, report, clock.now(), log);
  tell(log, "the watchdog is not told how the run ended",
       [&] { watchdog.run_ended(report.status); });
}

ExitStatus run(const Config& config, Clock& clock, const Stop& stop, const Log& log) {
  Watchdog watchdog(config, log);
  tell(log, "the watchdog is not told that the run began", [&] { watchdog.run_began(); });
  const RunReport report = run_job(config, clock, stop, log);
  tell_all(report, config, clock, log, watchdog);
  return report.status;
}

ExitStatus start(int argc, char** argv) {
  const Options options = parse_command_line(argc, argv);
  if (!options.text.empty()) {
    print(options.text);
    return ExitStatus::kOk;
  }
  const Config config = load_config(options, process_environment());
  leave_sasl_plugins_out(config.kafka);
  const Stop stop;
  SystemClock clock(stop);
  const Log log(config.log_level, config.log_format, make_request_id());
  switch (config.mode) {
    case Mode::kCheck:
      return check(config, clock, log);
    case Mode::kList:
      return list_spool(config, clock, log);
    case Mode::kRequeue:
      return requeue(config, clock, stop, log);
    default:
      return run(config, clock, stop, log);
  }
}

}  // namespace

int main(int argc, char** argv) {
  return run_program([&] { return start(argc, argv); });
}
