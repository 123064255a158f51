#include "report/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/version.h"
#include "report/exposition.h"

namespace ohip {
namespace {

constexpr std::size_t kMostHotels = 500;

struct Family {
  std::string_view name;
  std::string_view help;
  std::size_t (*value)(const QueueReport&);

  bool is_counter() const { return name.ends_with("_total"); }
};

constexpr std::array kFamilies = {
    Family{"ohip_poll_polls_total",
           "Requests for events that OHIP may have processed; it bills partners for each.",
           [](const QueueReport& q) { return q.polls; }},
    Family{"ohip_poll_events_taken_total",
           "Events taken from OHIP, or from the spool where an earlier run left them.",
           [](const QueueReport& q) { return q.taken; }},
    Family{"ohip_poll_events_delivered_total", "Events that Kafka has acknowledged.",
           [](const QueueReport& q) { return q.delivered; }},
    Family{"ohip_poll_events_already_there_total",
           "Of them, events that an earlier run had published: not sent again.",
           [](const QueueReport& q) { return q.already_there; }},
    Family{"ohip_poll_quarantined_total", "Files put into quarantine.",
           [](const QueueReport& q) { return q.quarantined; }},
    Family{"ohip_poll_events_possibly_lost_total",
           "At most so many events were in responses of OHIP that did not arrive.",
           [](const QueueReport& q) { return q.possibly_lost; }},
    Family{"ohip_poll_pending_batches", "Batches in the spool that wait for Kafka.",
           [](const QueueReport& q) { return q.pending; }},
    Family{"ohip_poll_quarantine_files", "Files in quarantine now.",
           [](const QueueReport& q) { return q.in_quarantine; }},
};

std::vector<QueueReport> bounded(std::vector<QueueReport> queues) {
  std::sort(queues.begin(), queues.end(),
            [](const QueueReport& a, const QueueReport& b) { return a.hotel < b.hotel; });
  if (queues.size() > kMostHotels) {
    RunReport rest;
    const auto first = queues.begin() + kMostHotels;
    rest.queues.assign(first, queues.end());
    for (const QueueReport& queue : rest.queues) {
      rest.status = more_serious(rest.status, queue.status);
    }
    queues.erase(first, queues.end());
    queues.push_back(rest.total());
    queues.back().hotel = "other";
  }
  return queues;
}

void add_run(Exposition& metrics, const RunReport& report, TimePoint now) {
  const QueueReport total = report.total();
  metrics.family("ohip_poll_info", "The program's version.");
  metrics.value(metrics.series("ohip_poll_info", "version", kVersion), 1);
  metrics.gauge("ohip_poll_last_run_timestamp_seconds", "When the last run ended.", seconds(now));
  metrics.gauge("ohip_poll_last_run_duration_seconds", "How long it took.",
                std::chrono::duration<double>(report.duration).count());
  metrics.gauge("ohip_poll_last_run_exit_status", "Its exit status.",
                static_cast<double>(report.status));
  constexpr std::string_view kSuccess = "ohip_poll_last_success_timestamp_seconds";
  const bool succeeded = report.status == ExitStatus::kOk;
  metrics.gauge(kSuccess, "When the last run with exit status 0 ended; 0: never.",
                succeeded ? seconds(now) : metrics.earlier(metrics.series(kSuccess)));
  metrics.counters("ohip_poll_runs_total", "Runs that ended, by exit status.", "status",
                   {{fmt::to_string(static_cast<int>(report.status)), 1}});
  metrics.counter("ohip_poll_token_fetches_total", "Access tokens asked for.",
                  report.token_fetches);
  metrics.counter("ohip_poll_throttled_total", "Polls that OHIP refused with 429.",
                  total.throttled);
}

void add_hotels(Exposition& metrics, const std::vector<QueueReport>& queues, TimePoint now) {
  for (const Family& family : kFamilies) {
    metrics.family(family.name, family.help);
    for (const QueueReport& queue : queues) {
      const std::string series = metrics.series(family.name, "hotel", queue.hotel);
      const double before = family.is_counter() ? metrics.earlier(series) : 0;
      metrics.value(series, before + static_cast<double>(family.value(queue)));
    }
  }
  constexpr std::string_view kOldest = "ohip_poll_pending_oldest_timestamp_seconds";
  metrics.family(kOldest, "When the oldest batch in the spool was received; 0: there is none.");
  for (const QueueReport& queue : queues) {
    metrics.value(metrics.series(kOldest, "hotel", queue.hotel),
                  queue.oldest_pending ? seconds(*queue.oldest_pending) : 0);
  }
  constexpr std::string_view kSuccess = "ohip_poll_hotel_last_success_timestamp_seconds";
  metrics.family(kSuccess, "When the queue was last served without trouble; 0: never.");
  for (const QueueReport& queue : queues) {
    const std::string series = metrics.series(kSuccess, "hotel", queue.hotel);
    const bool served = queue.status == ExitStatus::kOk && !queue.held && !queue.not_polled;
    metrics.value(series, served ? seconds(now) : metrics.earlier(series));
  }
}

std::string filled(Exposition metrics, const RunReport& report, TimePoint now) {
  add_run(metrics, report, now);
  add_hotels(metrics, bounded(report.queues), now);
  return metrics.text();
}

}  // namespace

void write_metrics(const std::filesystem::path& file, const RunReport& report, TimePoint now) {
  constexpr mode_t kReadableByAll = 0644;
  replace_file(file, filled(Exposition(file, "ohip_poll_"), report, now), ExitStatus::kSpool,
               kReadableByAll);
}

std::string metrics_text(const std::string& before, const std::string& label,
                         const RunReport& report, TimePoint now) {
  return filled(Exposition(before, label), report, now);
}

}  // namespace ohip
