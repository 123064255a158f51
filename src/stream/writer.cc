#include "stream/writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "base/secrets.h"

namespace ohip {
namespace {

constexpr Milliseconds kGather{100};
constexpr std::size_t kTransaction = std::size_t{4} << 20;  // bytes

std::size_t size_of(const StreamEvent& event) {
  constexpr std::size_t kOverhead = 1'000;  // of small ones there may be very many
  return event.json.size() + kOverhead;
}

const std::string& header(const Record& record, std::string_view name) {
  static const std::string none;
  const auto found = std::find_if(record.headers.begin(), record.headers.end(),
                                  [&](const auto& header) { return header.first == name; });
  return found == record.headers.end() ? none : found->second;
}

}  // namespace

Writer::Writer(Setup setup, const Wakeup& wakeup)
    : setup_(std::move(setup)), wakeup_(wakeup), thread_([this] { work(); }) {}

Writer::~Writer() {
  {
    const std::lock_guard lock(mutex_);
    end_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Writer::ask_position() {
  add(AskPosition{});
}

void Writer::take_over(action::TakeOver take_over) {
  add(take_over);
}

void Writer::settle(action::Settle settle) {
  add(std::move(settle));
}

void Writer::add(Task task) {
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  changed_.notify_all();
}

void Writer::publish(StreamEvent event) {
  bool worth_a_look = false;
  {
    const std::lock_guard lock(mutex_);
    if (tasks_.empty() || !std::holds_alternative<Events>(tasks_.back())) {
      tasks_.emplace_back(Events{});
      first_event_ = steady_now();
      worth_a_look = true;
    }
    waiting_ += size_of(event);
    std::get<Events>(tasks_.back()).push_back(std::move(event));
    const bool full = waiting_ >= kTransaction;
    worth_a_look |= full;
    if (full && std::exchange(has_room_, false)) {
      reports_.emplace_back([](Session& session, Moment now) { session.room(now, false); });
      wakeup_.raise();
    }
  }
  if (worth_a_look) {
    changed_.notify_all();
  }
}

std::vector<Writer::Report> Writer::reports() {
  const std::lock_guard lock(mutex_);
  return std::exchange(reports_, {});
}

Written Writer::written() const {
  const std::lock_guard lock(mutex_);
  return written_;
}

std::optional<SteadyPoint> Writer::busy_since() const {
  const std::lock_guard lock(mutex_);
  return busy_since_;
}

void Writer::report(Report report) {
  const std::lock_guard lock(mutex_);
  reports_.push_back(std::move(report));
  wakeup_.raise();
}

void Writer::work() {
  while (std::optional<Task> task = next()) {
    try {
      perform(std::move(*task));
    } catch (const Error& error) {
      fail_with(error);
    } catch (const std::exception& e) {
      fail_with(Error(ExitStatus::kSoftware, fmt::format("internal error: {}", e.what()),
                      "this is a bug: please report it; OHIP keeps the events for seven days"));
    }
  }
}

// Events wait for others, unless something else waits behind them.
bool Writer::is_due() const {
  return !std::holds_alternative<Events>(tasks_.front()) || tasks_.size() > 1 ||
         waiting_ >= kTransaction || steady_now() >= first_event_ + kGather;
}

// Nothing at the end: what is not begun by then is left to the next run.
std::optional<Writer::Task> Writer::next() {
  std::unique_lock lock(mutex_);
  busy_since_.reset();
  while (!end_) {
    if (tasks_.empty()) {
      changed_.wait(lock);
    } else if (!is_due()) {
      changed_.wait_until(lock, first_event_ + kGather);
    } else {
      Task task = std::move(tasks_.front());
      tasks_.pop_front();
      busy_since_ = steady_now();
      if (std::holds_alternative<Events>(task)) {
        waiting_ = 0;
        if (!std::exchange(has_room_, true)) {
          reports_.emplace_back([](Session& session, Moment now) { session.room(now, true); });
          wakeup_.raise();
        }
      }
      return task;
    }
  }
  return std::nullopt;
}

void Writer::perform(Task task) {
  if (std::holds_alternative<AskPosition>(task)) {
    perform_ask();
  } else if (const auto* take_over = std::get_if<action::TakeOver>(&task)) {
    perform_take_over(*take_over);
  } else if (failed_) {
    return;
  } else if (auto* events = std::get_if<Events>(&task)) {
    commit(std::move(*events));
  } else {
    perform_settle(std::get<action::Settle>(task));
  }
}

// Asked before taking: could records be delivered now?
void Writer::perform_ask() {
  if (!sink_) {
    sink_ = setup_.make_sink();
  }
  const bool known = setup_.origin.topic.find('{') == std::string::npos;
  sink_->check(known ? std::set<std::string>{setup_.origin.topic} : std::set<std::string>{});
  const std::optional<Position> position = read(sink_->committed());
  report([position](Session& session, Moment now) { session.positioned(now, position); });
}

std::optional<Position> Writer::read(const std::optional<GroupOffset>& committed) {
  try {
    return text_.read(committed);
  } catch (const Error&) {
    if (!setup_.from) {
      throw;
    }
    return std::nullopt;  // what a person wants counts
  }
}

// That a subscription stands is written at once: so a run that is killed shows, a right that lacks
// shows before an event comes, and Kafka forgets no position while there are runs.
void Writer::perform_take_over(const action::TakeOver& take_over) {
  failed_ = false;
  const std::optional<Position> position = read(sink_->take_over());
  position_ = position.value_or(Position{.since = take_over.since});
  position_.ended.clear();
  position_.not_before = {};
  if (!setup_.replay) {
    commit_position(position_);
  }
  report([position](Session& session, Moment now) { session.taken_over(now, position); });
}

void Writer::perform_settle(const action::Settle& settle) {
  position_.ended = settle.ended;
  position_.not_before = settle.not_before;
  position_.quiet = std::max(position_.quiet, settle.quiet);
  if (!setup_.replay) {
    commit_position(position_);
  }
  report([](Session& session, Moment now) { session.settled(now); });
}

void Writer::commit_position(const Position& position) {
  sink_->commit({}, text_.write(position), [](std::size_t, const std::string&) {});
  const std::lock_guard lock(mutex_);
  ++written_.commits;
  written_.position = position;
}

void Writer::commit(Events events) {
  std::vector<Record> records;
  std::vector<Origin> origins;
  Position reached = position_;
  for (StreamEvent& event : events) {
    if (!event.offset.empty()) {
      reached.offset = event.offset;
      reached.unique_event_id = event.unique_event_id;
      reached.received = event.received;
      reached.since = {};
    }
    if (!event.reject.empty()) {
      put_aside(event.json, {event.offset, event.unique_event_id, event.received}, event.reject);
      continue;
    }
    origins.push_back({event.offset, event.unique_event_id, event.received});
    records.push_back(make_record(std::move(event), setup_.origin));
  }
  std::vector<bool> refused(records.size(), false);
  sink_->commit(records, setup_.replay ? std::nullopt : std::optional(text_.write(reached)),
                [&](std::size_t i, const std::string& reason) {
                  put_aside(records[i].value, origins[i], reason);
                  refused[i] = true;
                });
  position_ = reached;
  const std::lock_guard lock(mutex_);
  ++written_.commits;
  written_.position = reached;
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (!refused[i]) {
      ++written_.delivered;
      ++written_.delivered_by_type[header(records[i], "ce_type")];
    }
  }
}

// Durable on return, where there is a place for it.
void Writer::put_aside(const std::string& bytes, const Origin& origin, const std::string& reason) {
  const auto& [offset, id, received] = origin;
  const std::string detail =
      fmt::format("offset {}, uniqueEventId {}", offset.empty() ? "unknown" : masked(offset, 40),
                  id.empty() ? "unknown" : masked(id, 100));
  std::optional<Error> problem;
  if (setup_.spool != nullptr) {
    Batch batch;
    batch.file =
        offset.empty() ? basic_utc(received) + ".json" : fmt::format("offset-{}.json", offset);
    const std::filesystem::path path =
        setup_.spool->quarantine_event(batch, 1, bytes, fmt::format("{} ({})", reason, detail));
    problem.emplace(ExitStatus::kQuarantine,
                    fmt::format("an event is in quarantine: {}: {}", reason, path.string()),
                    "look at it, and at the .reason beside it", detail);
  } else {
    problem.emplace(ExitStatus::kQuarantine, fmt::format("an event was left out: {}", reason),
                    "OHIP keeps it for seven days: when its fault is fixed, --from OFFSET with "
                    "--hotel fetches it again",
                    detail);
  }
  const std::lock_guard lock(mutex_);
  ++written_.quarantined;
  written_.problems.push_back(*problem);
}

void Writer::fail_with(const Error& error) {
  failed_ = true;
  report([error](Session& session, Moment now) { session.failed(now, error); });
}

}  // namespace ohip
