#include "stream/stream_report.h"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <string_view>
#include <utility>

#include "base/file.h"
#include "base/secrets.h"
#include "base/version.h"
#include "report/exposition.h"

namespace ohip {
namespace {

using Json = rapidjson::Writer<rapidjson::StringBuffer>;
using Counts = std::map<std::string, std::size_t>;

void write(Json& json, const char* name, std::string_view text) {
  json.Key(name);
  json.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

void write(Json& json, const char* name, std::size_t number) {
  json.Key(name);
  json.Uint64(number);
}

void write(Json& json, const char* name, const Counts& counts) {
  json.Key(name);
  json.StartObject();
  for (const auto& [key, count] : counts) {
    write(json, masked(key).c_str(), count);
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

void write_problems(Json& json, const std::vector<Error>& problems) {
  json.Key("problems");
  json.StartArray();
  for (const Error& problem : problems) {
    json.StartObject();
    write(json, "status", static_cast<std::size_t>(problem.status()));
    write(json, "message", masked(problem.what()));
    if (!problem.detail().empty()) {
      write(json, "detail", masked(problem.detail()));
    }
    if (!problem.hint().empty()) {
      write(json, "hint", masked(problem.hint()));
    }
    json.EndObject();
  }
  json.EndArray();
}

// A counter by label: what was there, and what came since it was told last.
void add_counts(Exposition& metrics, std::string_view name, std::string_view help,
                std::string_view label, const Counts& counts, const Counts& told) {
  metrics.family(name, help);
  Series all;
  for (const auto& [key, count] : counts) {
    const auto before = told.find(key);
    const std::string series = metrics.series(name, label, key);
    all[series] = metrics.earlier(series) +
                  static_cast<double>(count - (before == told.end() ? 0 : before->second));
  }
  for (const auto& [series, count] : metrics.before()) {
    if (series.starts_with(metrics.beginning(name))) {
      all.emplace(series, count);
    }
  }
  for (const auto& [series, count] : all) {
    metrics.value(series, count);
  }
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
  json.Key("duration");
  json.Double(std::chrono::duration<double>(report.duration).count());
  write(json, "status", static_cast<std::size_t>(report.status));
  write(json, "token_fetches", report.token_fetches);
  write(json, "connections", report.connections);
  write(json, "closes", report.closes);
  write(json, "taken", report.taken);
  write(json, "delivered", report.delivered);
  write(json, "delivered_by_type", report.delivered_by_type);
  write(json, "quarantined", report.quarantined);
  write(json, "commits", report.commits);
  json.Key("held_by_another_run");
  json.Bool(report.held);
  write_position(json, report.position);
  write_problems(json, report.problems);
  json.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

StreamMetrics::StreamMetrics(std::filesystem::path file) : file_(std::move(file)) {}

void StreamMetrics::write(const StreamReport& report, TimePoint now, bool ended) {
  if (file_.empty()) {
    return;
  }
  Exposition metrics(file_);
  const auto last_known = [&](std::string_view name, std::string_view help, double value,
                              bool known) {
    metrics.gauge(name, help, known ? value : metrics.earlier(metrics.series(name)));
  };
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
             "Until when OHIP is known to have had nothing newer; 0: never.",
             seconds(report.position.quiet), report.position.quiet != TimePoint{});
  metrics.counter("ohip_stream_token_fetches_total", "Access tokens asked for.",
                  report.token_fetches - told_.token_fetches);
  metrics.counter("ohip_stream_connections_total", "Web sockets opened.",
                  report.connections - told_.connections);
  metrics.counter("ohip_stream_events_taken_total", "Events that came from OHIP.",
                  report.taken - told_.taken);
  metrics.counter("ohip_stream_events_quarantined_total",
                  "Events put aside, or told where nothing can be kept.",
                  report.quarantined - told_.quarantined);
  metrics.counter("ohip_stream_commits_total", "Positions committed.",
                  report.commits - told_.commits);
  add_counts(metrics, "ohip_stream_events_delivered_total", "Events that Kafka has stored.", "type",
             report.delivered_by_type, told_.delivered_by_type);
  add_counts(metrics, "ohip_stream_closes_total", "Ends of web sockets, by code.", "code",
             report.closes, told_.closes);
  const Counts runs = {{fmt::to_string(static_cast<int>(report.status)), 1}};
  add_counts(metrics, "ohip_stream_runs_total", "Runs that ended, by exit status.", "status",
             ended ? runs : Counts{}, {});
  constexpr mode_t kReadableByAll = 0644;
  replace_file(file_, metrics.text(), ExitStatus::kSpool, kReadableByAll);
  told_ = report;
}

}  // namespace ohip
