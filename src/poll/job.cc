#include "poll/job.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "http/client.h"
#include "kafka/publisher.h"
#include "ohip/oauth.h"
#include "poll/pace.h"
#include "poll/queue_run.h"
#include "poll/queues.h"
#include "poll/turns.h"
#include "report/findings.h"
#include "report/status_line.h"
#include "spool/spool.h"

namespace ohip {
namespace {

class Job {
 public:
  Job(const Config& config, Clock& clock, const Stop& stop, const Log& log)
      : config_(config),
        deadline_(clock, config.deadline),
        publisher_(config.kafka, log),
        oauth_(config.gateway, config.credentials, config.spool_dir, clock, deadline_),
        pace_(config.max_polls_per_minute, clock, deadline_),
        shared_{config, publisher_, oauth_, pace_, clock, deadline_, stop, log} {}

  void run(RunReport& report) {
    for (const QueueName& queue : queues_in_order(config_)) {
      runs_.push_back(std::make_unique<QueueRun>(shared_, queue));
    }
    Turns turns(runs_.size(), deadline_, shared_.stop);
    work_together(turns);
    for (const std::unique_ptr<QueueRun>& run : runs_) {
      run->finish();
    }
    conclude(report);
  }

 private:
  void work_together(Turns& turns) {
    StatusLine status_line(runs_.size(), deadline_, shared_.log);
    const std::size_t workers = std::min(runs_.size(), static_cast<std::size_t>(config_.jobs));
    std::vector<std::future<void>> others;
    for (std::size_t i = 1; i < workers; ++i) {
      others.push_back(std::async(std::launch::async, [&] { work(turns, status_line); }));
    }
    work(turns, status_line);
    for (std::future<void>& other : others) {
      other.get();
    }
  }

  // A worker has a connection of its own, which its queues use one after the other.
  void work(Turns& turns, StatusLine& status_line) {
    CurlHttpClient http({config_.ca_file, config_.proxy, config_.no_proxy});
    while (const std::optional<std::size_t> i = turns.next()) {
      QueueRun& run = *runs_[*i];
      const std::size_t polls = run.polls();
      const std::size_t delivered = run.delivered();
      std::optional<SteadyPoint> due;
      try {
        due = run.turn(http);
      } catch (...) {
        turns.done(*i, std::nullopt);
        throw;
      }
      status_line.add(run.polls() - polls, run.delivered() - delivered, !due);
      turns.done(*i, due);
    }
  }

  void conclude(RunReport& report) {
    Findings findings;
    const bool nothing_polled = std::all_of(
        runs_.begin(), runs_.end(), [](const auto& run) { return run->report().polls == 0; });
    for (const std::unique_ptr<QueueRun>& run : runs_) {
      QueueReport& queue = run->report();
      glance(run->queue(), queue);
      add_what_time_prevented(*run, nothing_polled);
      if (is_bearable(run->queue(), queue)) {
        queue.status = ExitStatus::kOk;
      }
      for (const Error& problem : queue.problems) {
        if (queue.status != ExitStatus::kOk) {
          findings.add(run->queue().label(), problem);
        } else {
          shared_.log.info("{}: not yet an alert: {}", run->queue().label(), problem.what());
        }
      }
      report.status = more_serious(report.status, queue.status);
      report.queues.push_back(std::move(queue));
    }
    report.token_fetches = oauth_.fetches();
    findings.print(shared_.log);
  }

  void glance(const QueueName& name, QueueReport& queue) const {
    const Spool::Glance seen = Spool::glance(config_.spool_dir, name);
    queue.pending = seen.pending;
    queue.oldest_pending = seen.oldest_pending;
    queue.in_quarantine = seen.in_quarantine;
  }

  // Unavailability that has not lasted for long enough to be told (--alert-after).
  bool is_bearable(const QueueName& name, const QueueReport& queue) const {
    if (config_.alert_after == Milliseconds::zero()) {
      return false;
    }
    switch (queue.status) {
      case ExitStatus::kUnavailable:
      case ExitStatus::kPending: {
        const TimePoint now = shared_.clock.now();
        return now - Spool::unserved_since(config_.spool_dir, name, now) < config_.alert_after;
      }
      case ExitStatus::kOk:
      case ExitStatus::kQuarantine:
      case ExitStatus::kPossibleLoss:
        if (queue.polls > 0) {
          Spool::end_unserved(config_.spool_dir, name);
        }
        return false;
      default:
        return false;
    }
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
                      fmt::format("the run's time is over; {} taken earlier stay in the spool",
                                  plural(queue.pending, "batch", "batches")),
                      "the next run goes on with them"));
    } else if (queue.not_polled && nothing_polled) {
      queue.add(Error(ExitStatus::kUnavailable,
                      "the run's time was over before the queue was polled",
                      "the next run tries again; give the run more time with --deadline"));
    }
  }

  const Config& config_;
  Deadline deadline_;
  KafkaPublisher publisher_;
  OAuth oauth_;
  Pace pace_;
  Shared shared_;
  std::vector<std::unique_ptr<QueueRun>> runs_;
};

void summarize(const RunReport& report, const Log& log) {
  const QueueReport total = report.total();
  const auto not_polled = std::count_if(report.queues.begin(), report.queues.end(),
                                        [](const QueueReport& queue) { return queue.not_polled; });
  log.info("{}: {} taken, {} delivered, {} quarantined, {} in {:.1f} s{}",
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
  } catch (const Error& error) {
    log.error(error);
    report.problems.push_back(error);
    report.status = more_serious(report.status, error.status());
  }
  report.duration = std::chrono::duration_cast<Milliseconds>(clock.steady() - begin);
  summarize(report, log);
  return report;
}

}  // namespace ohip
