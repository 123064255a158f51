#include "fn/job.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "poll/job.h"
#include "report/pushgateway.h"
#include "report/report.h"
#include "report/tell.h"
#include "report/watchdog.h"

namespace ohip {
namespace {

using namespace std::chrono_literals;

// After the last poll: the job publishes what is already ours (5 s), a watchdog that does not
// answer is given up (6 s), and a deadline told in whole seconds is a little earlier than it seems.
constexpr Milliseconds kReserve = 5s + 6s + 2s;
constexpr Milliseconds kToPush = 6s;  // the same for a Pushgateway, where there is one
constexpr Milliseconds kShortest = 2s;

Milliseconds time_left(const FnCall& call, const Clock& clock) {
  const std::optional<TimePoint> end = parse_rfc3339(call.deadline);
  if (!end) {
    throw Error(ExitStatus::kUsage,
                fmt::format("Fn-Deadline is {}, not a time as in RFC 3339", shown(call.deadline)),
                "nothing was taken; call the Function through OCI or an Fn server");
  }
  return std::chrono::duration_cast<Milliseconds>(*end - clock.now());
}

Value milliseconds(Milliseconds time) {
  return {fmt::format("{}ms", time.count()), "Fn-Deadline"};
}

// What the platform's time allows of what is configured. Before, the mode: a schedule of OCI's is
// hourly at best, and a hotel makes more than one poll takes.
Options adapted(Options options, const Config& config, Milliseconds left) {
  const auto times = divide_time(left, config.poll_timeout);
  if (!times) {
    throw Error(ExitStatus::kUnavailable,
                fmt::format("the call's time ends in {} s, too soon to begin", left / 1s),
                "nothing was taken; give the function a time-out of 60 s or more");
  }
  if (!options.mode && config.mode == Mode::kOnce) {
    options.mode = Mode::kDrain;
  }
  const Milliseconds run_for = std::min(config.run_for, times->deadline);
  options.settings.insert_or_assign("OHIP_DEADLINE", milliseconds(times->deadline));
  options.settings.insert_or_assign("OHIP_POLL_TIMEOUT", milliseconds(times->poll_timeout));
  if (config.mode == Mode::kRunFor) {
    options.settings.insert_or_assign("OHIP_RUN_FOR", milliseconds(run_for));
  }
  return options;
}

RunReport run(const FnCall& call, const Options& options, const Environment& environment,
              Clock& clock, const Stop& stop) {
  const Milliseconds left = time_left(call, clock);
  const Config configured = load_config(options, environment);
  const Milliseconds to_push = configured.pushgateway_url.empty() ? 0ms : kToPush;
  const Config config = load_config(adapted(options, configured, left - to_push), environment);
  const Log log(config.log_level, config.log_format, call.id);
  Watchdog watchdog(config, log);
  tell(log, "the watchdog is not told that the run began", [&] { watchdog.run_began(); });
  RunReport report = run_job(config, clock, stop, log);
  push_metrics(config, report, clock.now(), log);
  tell(log, "the watchdog is not told how the run ended",
       [&] { watchdog.run_ended(report.status); });
  return report;
}

// The report of a run that did not begin.
RunReport not_run(const FnCall& call, const Error& error, const Clock& clock) {
  Log(LogLevel::kError, LogFormat::kText, call.id).error(error);
  RunReport report;
  report.run_id = call.id;
  report.begin = clock.now();
  report.status = error.status();
  report.problems.push_back(error);
  return report;
}

RunReport reported(const FnCall& call, const Options& options, const Environment& environment,
                   Clock& clock, const Stop& stop) {
  try {
    return run(call, options, environment, clock, stop);
  } catch (...) {
    return not_run(call, current_error(), clock);
  }
}

}  // namespace

std::optional<FnTimes> divide_time(Milliseconds left, Milliseconds poll_timeout) {
  const Milliseconds available = left - kReserve;
  if (available < kShortest) {
    return std::nullopt;
  }
  const Milliseconds poll = std::min(poll_timeout, available / 2);
  return FnTimes{.deadline = available - poll, .poll_timeout = poll};
}

std::optional<TimePoint> parse_rfc3339(const std::string& text) {
  std::tm time = {};
  const char* rest = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &time);
  if (rest == nullptr) {
    return std::nullopt;
  }
  if (*rest == '.') {
    do {
      ++rest;
    } while (*rest >= '0' && *rest <= '9');
  }
  rest = strptime(rest, "%z", &time);
  if (rest == nullptr || *rest != '\0') {
    return std::nullopt;
  }
  const long offset = time.tm_gmtoff;
  return TimePoint(std::chrono::seconds(timegm(&time) - offset));
}

FnAnswer run_call(const FnCall& call, const Options& options, const Environment& environment,
                  Clock& clock, const Stop& stop) {
  const RunReport report = reported(call, options, environment, clock, stop);
  return {report.status == ExitStatus::kOk ? FnStatus::kDone : FnStatus::kFailed, to_json(report)};
}

}  // namespace ohip
