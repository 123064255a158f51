#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/print.h"
#include "base/program.h"
#include "base/request_id.h"
#include "base/run_program.h"
#include "base/stop.h"
#include "config/command_line.h"
#include "config/config.h"
#include "config/kafka_properties.h"
#include "report/pushgateway.h"
#include "report/tell.h"
#include "report/watchdog.h"
#include "stream/check.h"
#include "stream/job.h"
#include "stream/stream_report.h"

namespace {

using namespace ohip;

ExitStatus run(int argc, char** argv) {
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
  if (config.mode == Mode::kCheck) {
    return check_stream(config, clock, log);
  }
  Watchdog watchdog(config, log);
  tell(log, "the watchdog is not told that the run began", [&] { watchdog.run_began(); });
  StreamMetrics metrics(config.metrics_file);
  Pushgateway pushgateway(config, log);
  StreamPush push(pushgateway);
  const auto show = [&](const StreamReport& at, bool ended) {
    tell(log, "the metrics are not written", [&] { metrics.write(at, clock.now(), ended); });
    tell(log, "the metrics are not pushed", [&] { push.push(at, clock.now(), ended); });
  };
  const StreamReport report =
      run_stream_job(config, clock, stop, log, [&](const StreamReport& at) { show(at, false); });
  tell(log, "the report is not printed", [&] {
    if (config.report_json) {
      print(to_json(report) + '\n');
    }
  });
  show(report, true);
  tell(log, "the watchdog is not told how the run ended",
       [&] { watchdog.run_ended(report.status); });
  return report.status;
}

}  // namespace

int main(int argc, char** argv) {
  set_program(Program::kStream);
  return run_program([&] { return run(argc, argv); });
}
