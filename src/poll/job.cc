#include "poll/job.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <filesystem>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "base/threads.h"
#include "http/client.h"
#include "kafka/publisher.h"
#include "ohip/oauth.h"
#include "poll/pace.h"
#include "poll/queue_run.h"
#include "poll/queues.h"
#include "poll/turns.h"
#include "report/findings.h"
#include "report/status_line.h"
#include "report/tell.h"
#include "spool/spool.h"

namespace ohip {
namespace {

// How many queues can be served at a time: a worker has a thread and another one for the delivery
// that is under way. Those of librdkafka, one for each broker, come before all, because without
// them it crashes. Throws Error when not even the fewest of these can be had.
std::size_t count_workers(const Config& config) {
  constexpr std::size_t kFewestForKafka = 8, kForKafka = 16;
  const std::size_t wanted = config.hotels.size() == 1 ? 1 : static_cast<std::size_t>(config.jobs);
  const std::size_t threads =
      threads_to_be_had(wanted == 1 ? kFewestForKafka : 2 * wanted + kForKafka);
  if (threads < kFewestForKafka) {
    throw Error(ExitStatus::kUnavailable,
                fmt::format("no more than {} can be had, Kafka alone needs {}",
                            plural(threads, "thread", "threads"), kFewestForKafka),
                "nothing was taken; raise the limit: ulimit -u, TasksMax= of the unit, or the "
                "container's number of processes");
  }
  return threads <= kForKafka ? 1 : std::min(wanted, std::max((threads - kForKafka) / 2, 1UL));
}

class Job {
 public:
  Job(const Config& config, Clock& clock, const Stop& stop, const Log& log)
      : config_(config),
        workers_(count_workers(config)),
        deadline_(clock, config.deadline),
        publisher_(config.kafka, log, config.spool_dir / kKafkaNotes),
        oauth_(config.gateway, config.credentials, config.spool_dir, clock, deadline_),
        pace_(config.max_polls_per_minute, clock, deadline_),
        shared_{config, publisher_, oauth_, pace_, clock, deadline_, stop, log} {}

  void run(RunReport& report) {
    std::vector<Due> first;
    for (const DueQueue& queue : queues_in_order(config_, shared_.clock)) {
      runs_.push_back(std::make_unique<QueueRun>(shared_, queue.name));
      first.push_back(queue.due);
    }
    if (config_.mode == Mode::kReplay && runs_.empty()) {
      say_where_nothing_waits();
    }
    Turns turns(first, deadline_, shared_.stop);
    work_together(turns);
    conclude(report);
  }

 private:
  // A person looks, perhaps in the wrong place.
  void say_where_nothing_waits() const {
    std::error_code error;
    if (std::filesystem::exists(config_.spool_dir, error)) {
      shared_.log.notice("nothing waits in the spool {}", config_.spool_dir.string());
    } else {
      shared_.log.warning("there is no spool at {}; --spool-dir names another",
                          config_.spool_dir.string());
    }
  }

  // Where a thread cannot be had after all, fewer workers serve all queues, too.
  void work_together(Turns& turns) {
    StatusLine status_line(runs_.size(), deadline_, shared_.log);
    const std::size_t workers = std::min(runs_.size(), workers_);
    std::vector<std::future<void>> others;
    try {
      while (others.size() + 1 < workers) {
        others.push_back(std::async(std::launch::async, [&] { work(turns, status_line); }));
      }
    } catch (const std::exception& e) {
      shared_.log.info("{} of {} jobs at a time: {}", others.size() + 1, workers, e.what());
    }
    work(turns, status_line);
  }

  // A worker has a connection of its own, which its queues use one after the other. What keeps it
  // from working is the problem of those queues that no other serves.
  void work(Turns& turns, StatusLine& status_line) noexcept {
    try {
      CurlHttpClient http({config_.ca_file, config_.proxy, config_.no_proxy, config_.proxy_login});
      while (const std::optional<std::size_t> i = turns.next()) {
        QueueRun& run = *runs_[*i];
        const std::size_t polls = run.polls();
        const std::size_t delivered = run.delivered();
        const std::optional<Due> due = run.turn(http);
        status_line.add(run.polls() - polls, run.delivered() - delivered, !due);
        turns.done(*i, due);
      }
    } catch (...) {
      const std::lock_guard lock(mutex_);
      hindrance_ = std::current_exception();
    }
  }

  void conclude(RunReport& report) {
    for (const std::unique_ptr<QueueRun>& run : runs_) {
      run->finish();
    }
    const bool nothing_polled = std::all_of(
        runs_.begin(), runs_.end(), [](const auto& run) { return run->report().polls == 0; });
    report.token_fetches = oauth_.fetches();
    for (const std::unique_ptr<QueueRun>& run : runs_) {
      QueueReport& queue = run->report();
      try {
        conclude(*run, nothing_polled);
      } catch (...) {
        queue.add_exception();
      }
      report.status = more_serious(report.status, queue.status);
    }
    tell(shared_.log, "not all that was found is told", [&] { tell_findings(); });
    for (const std::unique_ptr<QueueRun>& run : runs_) {
      report.queues.push_back(std::move(run->report()));
    }
  }

  void conclude(QueueRun& run, bool nothing_polled) const {
    QueueReport& queue = run.report();
    glance(run.queue(), queue);
    if (hindrance_ && !run.had_turn()) {
      std::rethrow_exception(hindrance_);
    }
    add_what_time_prevented(run, nothing_polled);
    if (is_bearable(unserved_since(run.queue(), queue))) {
      queue.status = ExitStatus::kOk;
    }
  }

  void tell_findings() const {
    Findings findings;
    for (const std::unique_ptr<QueueRun>& run : runs_) {
      for (const Error& problem : run->report().problems) {
        if (run->report().status != ExitStatus::kOk) {
          findings.add(run->queue().label(), problem);
        } else {
          shared_.log.notice("{}: not yet an alert: {}", run->queue().label(), problem.what());
        }
      }
    }
    findings.print(shared_.log);
  }

  void glance(const QueueName& name, QueueReport& queue) const {
    const Spool::Glance seen = Spool::glance(config_.spool_dir, name);
    queue.pending = seen.pending;
    queue.oldest_pending = seen.oldest_pending;
    queue.in_quarantine = seen.in_quarantine;
  }

  // Since when, over all runs, the queue cannot be served; remembered for the next run, or
  // forgotten where it is served again.
  std::optional<TimePoint> unserved_since(const QueueName& name, const QueueReport& queue) const {
    if (config_.alert_after == Milliseconds::zero()) {
      return std::nullopt;
    }
    switch (queue.status) {
      case ExitStatus::kUnavailable:
      case ExitStatus::kPending:
        return Spool::unserved_since(config_.spool_dir, name, shared_.clock.now());
      case ExitStatus::kOk:
      case ExitStatus::kQuarantine:
      case ExitStatus::kPossibleLoss:
        if (queue.polls > 0) {
          Spool::end_unserved(config_.spool_dir, name);
        }
        return std::nullopt;
      default:
        return std::nullopt;
    }
  }

  // It has not lasted for long enough to be told (--alert-after).
  bool is_bearable(std::optional<TimePoint> unserved_since) const {
    return unserved_since && shared_.clock.now() - *unserved_since < config_.alert_after;
  }

  // A queue whose turn did not come is the next run's first, and no problem as long as others were
  // polled meanwhile.
  void add_what_time_prevented(QueueRun& run, bool nothing_polled) const {
    QueueReport& queue = run.report();
    const bool polls = config_.mode != Mode::kReplay;
    queue.not_polled |= polls && !run.had_turn();
    if (shared_.stop.requested() || !queue.problems.empty() || queue.held) {
      return;
    }
    if (queue.pending > 0) {
      queue.add(Error(ExitStatus::kPending,
                      "the run's time is over; " +
                          plural(queue.pending, "batch taken earlier stays in the spool",
                                 "batches taken earlier stay in the spool"),
                      "the next run goes on with them"));
    } else if (queue.not_polled && nothing_polled) {
      queue.add(Error(ExitStatus::kUnavailable,
                      "the run's time was over before the queue was polled",
                      "the next run tries again; give the run more time with --deadline"));
    }
  }

  const Config& config_;
  std::size_t workers_;
  Deadline deadline_;
  KafkaPublisher publisher_;
  OAuth oauth_;
  Pace pace_;
  Shared shared_;
  std::vector<std::unique_ptr<QueueRun>> runs_;
  std::mutex mutex_;
  std::exception_ptr hindrance_;  // a worker's
};

void summarize(const RunReport& report, const Log& log) {
  const QueueReport total = report.total();
  const auto not_polled = std::count_if(report.queues.begin(), report.queues.end(),
                                        [](const QueueReport& queue) { return queue.not_polled; });
  log.notice("{}: {} taken, {} delivered, {} quarantined, {} in {:.1f} s{}",
             plural(report.queues.size(), "queue", "queues"), total.taken, total.delivered,
             total.quarantined, plural(total.polls, "poll", "polls"),
             std::chrono::duration<double>(report.duration).count(),
             not_polled == 0
                 ? ""
                 : fmt::format("; {} not polled: they are the next run's first",
                               plural(static_cast<std::size_t>(not_polled), "queue", "queues")));
}

}  // namespace

RunReport run_job(const Config& config, Clock& clock, const Stop& stop, const Log& log) {
  RunReport report;
  report.run_id = log.run_id();
  report.begin = clock.now();
  const SteadyPoint begin = clock.steady();
  try {
    Job(config, clock, stop, log).run(report);
  } catch (...) {
    report.add_exception();
  }
  for (const Error& problem : report.problems) {
    log.error(problem);
  }
  report.duration = std::chrono::duration_cast<Milliseconds>(clock.steady() - begin);
  tell(log, "there is no summary", [&] { summarize(report, log); });
  return report;
}

}  // namespace ohip
