#include "report/report.h"

#include <algorithm>

#include "base/version.h"
#include "report/json.h"

namespace ohip {
namespace {

// Of a problem's text.
constexpr std::size_t kLongest = 2'000;

// The next try was to mend it, and did.
bool passes(ExitStatus status) {
  return status == ExitStatus::kUnavailable || status == ExitStatus::kPending;
}

void write_counts(Json& json, const QueueReport& queue) {
  write(json, "polls", queue.polls);
  write(json, "throttled", queue.throttled);
  write(json, "taken", queue.taken);
  write(json, "delivered", queue.delivered);
  write(json, "already_there", queue.already_there);
  write(json, "duplicates_possible", queue.repeated);
  write(json, "quarantined", queue.quarantined);
  write(json, "possibly_lost", queue.possibly_lost);
  write(json, "pending_batches", queue.pending);
}

void write_steps(Json& json, const Steps& steps) {
  json.Key("seconds");
  json.StartObject();
  write_seconds(json, "recover", steps.recover);
  write_seconds(json, "wait", steps.wait);
  write_seconds(json, "token", steps.token);
  write_seconds(json, "poll", steps.poll);
  write_seconds(json, "spool", steps.spool);
  write_seconds(json, "publish", steps.publish);
  json.EndObject();
}

void write_queue(Json& json, const QueueReport& queue) {
  json.StartObject();
  write(json, "hotel", queue.hotel);
  write(json, "status", queue.status);
  write_counts(json, queue);
  if (queue.oldest_pending) {
    write(json, "oldest_pending", rfc3339_utc(*queue.oldest_pending));
  }
  json.Key("held_by_another_run");
  json.Bool(queue.held);
  json.Key("not_polled");
  json.Bool(queue.not_polled);
  write_steps(json, queue.steps);
  json.Key("request_ids");
  json.StartArray();
  for (const std::string& id : queue.request_ids) {
    json.String(id.data(), static_cast<rapidjson::SizeType>(id.size()));
  }
  json.EndArray();
  write_problems(json, queue.problems, kLongest);
  json.EndObject();
}

// Without memory for the problem the status alone says that there was one.
void add_current_exception(ExitStatus& status, std::vector<Error>& problems) noexcept {
  try {
    const Error error = current_error();
    status = more_serious(status, error.status());
    problems.push_back(error);
  } catch (...) {
    status = more_serious(status, ExitStatus::kSoftware);
  }
}

// Of queues side by side, where add() is for one after the other.
void sum_up(QueueReport& total, const QueueReport& queue) {
  total.polls += queue.polls;
  total.throttled += queue.throttled;
  total.taken += queue.taken;
  total.delivered += queue.delivered;
  total.already_there += queue.already_there;
  total.repeated += queue.repeated;
  total.quarantined += queue.quarantined;
  total.possibly_lost += queue.possibly_lost;
  total.held |= queue.held;
  total.not_polled |= queue.not_polled;
  total.steps.add(queue.steps);
  total.pending += queue.pending;
  total.in_quarantine += queue.in_quarantine;
  if (queue.oldest_pending) {
    total.oldest_pending =
        std::min(total.oldest_pending.value_or(*queue.oldest_pending), *queue.oldest_pending);
  }
}

}  // namespace

void Steps::add(const Steps& other) {
  recover += other.recover;
  wait += other.wait;
  token += other.token;
  poll += other.poll;
  spool += other.spool;
  publish += other.publish;
}

Stopwatch::~Stopwatch() {
  step_ += std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() -
                                                                 begin_);
}

void QueueReport::add(const Error& problem) {
  status = more_serious(status, problem.status());
  problems.push_back(problem);
}

void QueueReport::add_exception() noexcept {
  add_current_exception(status, problems);
}

void QueueReport::add(const QueueReport& later) {
  polls += later.polls;
  throttled += later.throttled;
  taken += later.taken;
  delivered += later.delivered;
  already_there += later.already_there;
  repeated += later.repeated;
  quarantined += later.quarantined;
  possibly_lost += later.possibly_lost;
  held = later.held;
  not_polled = later.not_polled;
  steps.add(later.steps);
  request_ids.insert(request_ids.end(), later.request_ids.begin(), later.request_ids.end());
  if (later.status == ExitStatus::kOk && !later.held && !later.not_polled) {
    std::erase_if(problems, [](const Error& problem) { return passes(problem.status()); });
  }
  problems.insert(problems.end(), later.problems.begin(), later.problems.end());
  status = later.status;
  for (const Error& problem : problems) {
    status = more_serious(status, problem.status());
  }
}

void RunReport::add_exception() noexcept {
  add_current_exception(status, problems);
}

QueueReport RunReport::total() const {
  QueueReport total;
  for (const QueueReport& queue : queues) {
    sum_up(total, queue);
  }
  total.status = status;
  return total;
}

std::string to_json(const RunReport& report) {
  rapidjson::StringBuffer buffer;
  Json json(buffer);
  json.StartObject();
  write(json, "version", kVersion);
  write(json, "run", report.run_id);
  write(json, "begin", rfc3339_utc(report.begin));
  write_seconds(json, "duration", report.duration);
  write(json, "status", report.status);
  write(json, "token_fetches", report.token_fetches);
  json.Key("total");
  json.StartObject();
  const QueueReport total = report.total();
  write(json, "queues", report.queues.size());
  write_counts(json, total);
  write_steps(json, total.steps);
  json.EndObject();
  json.Key("queues");
  json.StartArray();
  for (const QueueReport& queue : report.queues) {
    write_queue(json, queue);
  }
  json.EndArray();
  write_problems(json, report.problems, kLongest);
  json.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace ohip
