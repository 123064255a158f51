#include "stream/stream_report.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/file.h"
#include "base/secrets.h"
#include "base/version.h"
#include "report/exposition.h"
#include "report/json.h"

namespace ohip {
namespace {

using Counts = std::map<std::string, std::size_t>;

// Of a problem's text.
constexpr std::size_t kLongest = 300;

void write_counts(Json& json, const char* name, const Counts& counts) {
  json.Key(name);
  json.StartObject();
  for (const auto& [key, count] : counts) {
    write(json, masked(key), count);
  }
  json.EndObject();
}

void write_position(Json& json, const Position& position) {
  json.Key("position");
  json.StartObject();
  write(json, "offset", masked(position.offset));
  write(json, "unique_event_id", masked(position.unique_event_id));
  if (position.received != TimePoint{}) {
    write(json, "received", rfc3339_utc(position.received));
  }
  json.EndObject();
}

std::size_t possible_gaps(const StreamReport& report) {
  return static_cast<std::size_t>(std::count_if(
      report.problems.begin(), report.problems.end(),
      [](const Error& problem) { return problem.status() == ExitStatus::kPossibleLoss; }));
}

// What came since it was told last.
Counts since(const Counts& told, Counts counts) {
  for (auto& [key, count] : counts) {
    const auto before = told.find(key);
    count -= before == told.end() ? 0 : before->second;
  }
  return counts;
}

// told: what is in the counters already.
std::string filled(Exposition metrics, const StreamReport& told, const StreamReport& report,
                   TimePoint now, bool ended) {
  const auto last_known = [&](std::string_view name, std::string_view help, double value,
                              bool known) {
    metrics.gauge(name, help, known ? value : metrics.earlier(metrics.series(name)));
  };
  const TimePoint quiet = std::max(report.quiet, report.position.quiet);
  metrics.family("ohip_stream_info", "The program's version.");
  metrics.value(metrics.series("ohip_stream_info", "version", kVersion), 1);
  metrics.gauge("ohip_stream_connected", "1: a subscription stands.", report.connected ? 1 : 0);
  metrics.gauge("ohip_stream_updated_timestamp_seconds", "When this was written.", seconds(now));
  last_known("ohip_stream_last_run_timestamp_seconds", "When the last run ended.", seconds(now),
             ended);
  last_known("ohip_stream_last_run_exit_status", "Its exit status.",
             static_cast<double>(report.status), ended);
  last_known("ohip_stream_last_success_timestamp_seconds",
             "When the last run with exit status 0 ended; 0: never.", seconds(now),
             ended && report.status == ExitStatus::kOk);
  last_known("ohip_stream_last_event_timestamp_seconds",
             "When the last event that Kafka has was received; 0: never.",
             seconds(report.position.received), report.position.received != TimePoint{});
  last_known("ohip_stream_quiet_timestamp_seconds",
             "Until when OHIP is known to have had nothing that Kafka has not; 0: never.",
             seconds(quiet), quiet != TimePoint{});
  metrics.counter("ohip_stream_token_fetches_total", "Access tokens asked for.",
                  report.token_fetches - told.token_fetches);
  metrics.counter("ohip_stream_connections_total", "Web sockets opened.",
                  report.connections - told.connections);
  metrics.counter("ohip_stream_events_taken_total", "Events that came from OHIP.",
                  report.taken - told.taken);
  metrics.counter("ohip_stream_events_quarantined_total",
                  "Events quarantined, or only reported where there is no spool directory.",
                  report.quarantined - told.quarantined);
  metrics.counter("ohip_stream_possible_gaps_total",
                  "Times that events may be missing between two that came.",
                  possible_gaps(report) - possible_gaps(told));
  metrics.counter("ohip_stream_commits_total", "Positions committed.",
                  report.commits - told.commits);
  metrics.counters("ohip_stream_events_delivered_total", "Events that Kafka has stored.", "type",
                   since(told.delivered_by_type, report.delivered_by_type));
  metrics.counters("ohip_stream_closes_total", "Ends of web sockets, by code.", "code",
                   since(told.closes, report.closes));
  const Counts runs = {{fmt::to_string(static_cast<int>(report.status)), 1}};
  metrics.counters("ohip_stream_runs_total", "Runs that ended, by exit status.", "status",
                   ended ? runs : Counts{});
  return metrics.text();
}

}  // namespace

void StreamReport::add(const Error& problem) {
  status = more_serious(status, problem.status());
  problems.push_back(problem);
}

std::string to_json(const StreamReport& report) {
  rapidjson::StringBuffer buffer;
  Json json(buffer);
  json.StartObject();
  write(json, "version", kVersion);
  write(json, "run", report.run_id);
  write(json, "chain", report.chain);
  write(json, "begin", rfc3339_utc(report.begin));
  write_seconds(json, "duration", report.duration);
  write(json, "status", report.status);
  write(json, "token_fetches", report.token_fetches);
  write(json, "connections", report.connections);
  write_counts(json, "closes", report.closes);
  write(json, "taken", report.taken);
  write(json, "delivered", report.delivered);
  write_counts(json, "delivered_by_type", report.delivered_by_type);
  write(json, "quarantined", report.quarantined);
  write(json, "commits", report.commits);
  json.Key("held_by_another_run");
  json.Bool(report.held);
  write_position(json, report.position);
  write_problems(json, report.problems, kLongest);
  json.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

StreamMetrics::StreamMetrics(std::filesystem::path file) : file_(std::move(file)) {}

void StreamMetrics::write(const StreamReport& report, TimePoint now, bool ended) {
  if (file_.empty() || report.held) {
    return;
  }
  constexpr mode_t kReadableByAll = 0644;
  replace_file(file_, filled(Exposition(file_, "ohip_stream_"), told_, report, now, ended),
               ExitStatus::kSpool, kReadableByAll);
  told_ = report;
}

void StreamPush::push(const StreamReport& report, TimePoint now, bool ended) {
  if (!pushgateway_.is_wanted() || report.held || (!ended && pushgateway_.is_busy())) {
    return;
  }
  const std::string text =
      filled(Exposition(pushgateway_.last(), pushgateway_.label()), told_, report, now, ended);
  told_ = report;
  if (ended) {
    pushgateway_.push(text);
  } else {
    pushgateway_.begin(text);
  }
}

}  // namespace ohip
