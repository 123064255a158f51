#include "forwarder.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

namespace ohip {
namespace {

using namespace std::chrono_literals;

// Publishing what is already ours gets this long even when the deadline is over or a stop was
// requested.
constexpr Milliseconds kGrace = 5s;

// Most events in one answer, whatever limit an earlier run asked for (Poll API specification).
constexpr std::size_t kMostEvents = 20;

constexpr const char* kReconcile =
    "find out in OPERA what changed around that time and compare with what your consumers got";

// A run was killed after it had asked and before anything came.
bool never_answered(const Batch& batch) {
  return batch.body.empty() && std::filesystem::path(batch.file).extension() == ".part";
}

std::string describe(const Batch& batch) {
  return fmt::format("x-request-id {}, {}", batch.request_id, rfc3339_utc(batch.received));
}

Error not_acknowledged(const Batch& batch, const Delivery& delivery, std::size_t records,
                       std::size_t missing) {
  const std::string what = fmt::format("Kafka has not acknowledged {} of {} events: {}", missing,
                                       records, delivery.reason);
  if (batch.storage_error.empty()) {
    return {delivery.status, fmt::format("{}; they stay in the spool ({})", what, batch.file),
            delivery.status == ExitStatus::kPending
                ? "the next run publishes them first"
                : "mend that; the next run publishes them first, and takes nothing before"};
  }
  return {ExitStatus::kPossibleLoss,
          fmt::format("the spool failed ({}) and {}: up to {} events are lost ({})",
                      batch.storage_error, what, missing, describe(batch)),
          kReconcile};
}

// A topic with a placeholder is known only with the event.
std::set<std::string> known_topics(const std::string& topic) {
  return topic.find('{') == std::string::npos ? std::set{topic} : std::set<std::string>{};
}

}  // namespace

void QueueReport::add(const Error& problem) {
  status = more_serious(status, problem.status());
  problems.push_back(problem);
}

Forwarder::Forwarder(Spool& spool, Publisher& publisher, Origin origin, std::size_t limit,
                     const Deadline& deadline, const Stop& stop)
    : spool_(spool),
      publisher_(publisher),
      origin_(std::move(origin)),
      limit_(limit),
      deadline_(deadline),
      stop_(stop),
      topics_(known_topics(origin_.topic)) {}

bool Forwarder::recover() {
  try {
    recover_all();
    return true;
  } catch (const Error& error) {
    report_.add(error);
    return false;
  }
}

void Forwarder::recover_all() {
  const std::vector<std::string> files = spool_.pending();
  for (std::size_t i = 0; i < files.size(); ++i) {
    try {
      publisher_.check(topics_);
    } catch (const Error& e) {
      const bool passes = e.status() == ExitStatus::kUnavailable;
      throw Error(passes ? ExitStatus::kPending : e.status(),
                  fmt::format("{}; {} taken earlier stay in the spool", e.what(),
                              plural(files.size() - i, "batch", "batches")),
                  e.hint());
    }
    if (over()) {
      throw Error(ExitStatus::kPending,
                  fmt::format("the run's time is over; {} taken earlier stay in the spool",
                              plural(files.size() - i, "batch", "batches")),
                  "the next run goes on with them");
    }
    deliver(spool_.read(files[i]), kMostEvents);
  }
}

void Forwarder::forward(Source& source, bool drain) {
  try {
    if (deadline_.left() == Milliseconds::zero()) {
      throw Error(ExitStatus::kUnavailable, "the run's time was over before the queue was polled",
                  "the next run tries again; give the run more time with --deadline");
    }
    bool more = true;
    while (more && !over()) {
      publisher_.check(topics_);
      const std::optional<Batch> batch = source.take(spool_);
      ++report_.polls;
      const std::size_t events = batch ? deliver(*batch, limit_) : 0;
      more = drain && events >= limit_;
    }
  } catch (const Error& error) {
    report_.add(error);
  }
}

std::size_t Forwarder::deliver(const Batch& batch, std::size_t asked_for) {
  if (never_answered(batch)) {
    quarantine(
        batch, ExitStatus::kPossibleLoss,
        fmt::format("an earlier run was killed while OHIP was answering: up to {} events may "
                    "be lost ({})",
                    asked_for, describe(batch)));
    return 0;
  }
  const Decoded decoded = decode(batch, origin_);
  const std::size_t events = decoded.records.size() + decoded.rejects.size();
  report_.taken += events;
  std::vector<Reject> rejects = decoded.rejects;
  const std::vector<Reject> refused = publish(batch, decoded.records);
  rejects.insert(rejects.end(), refused.begin(), refused.end());
  if (batch.storage_error.empty()) {
    settle(batch, decoded, rejects, asked_for);
  } else {
    settle_from_memory(batch, decoded, rejects, asked_for);
  }
  return events;
}

std::vector<Reject> Forwarder::publish(const Batch& batch, const std::vector<Record>& records) {
  std::vector<Reject> refused;
  const Delivery* undelivered = nullptr;
  std::size_t missing = 0;
  const std::vector<Delivery> deliveries = publisher_.publish(records, patience());
  for (std::size_t i = 0; i < deliveries.size(); ++i) {
    switch (deliveries[i].state) {
      case Delivery::State::kAcknowledged:
        ++report_.delivered;
        break;
      case Delivery::State::kRefused:
        refused.push_back({records[i].event, "Kafka refuses it: " + deliveries[i].reason});
        break;
      case Delivery::State::kUndelivered:
        ++missing;
        undelivered = &deliveries[i];
        break;
    }
  }
  if (undelivered != nullptr) {
    throw not_acknowledged(batch, *undelivered, records.size(), missing);
  }
  return refused;
}

void Forwarder::settle(const Batch& batch, const Decoded& decoded,
                       const std::vector<Reject>& rejects, std::size_t asked_for) {
  for (std::size_t i = 0; i < rejects.size(); ++i) {
    const auto path =
        spool_.quarantine_event(batch, i + 1, rejects[i].event, rejects[i].reason + "\n");
    ++report_.quarantined;
    report_.add(Error(ExitStatus::kQuarantine,
                      fmt::format("one event was put into quarantine: {}", rejects[i].reason),
                      "look at " + path.string()));
  }
  const std::size_t events = decoded.records.size() + decoded.rejects.size();
  if (decoded.damage.empty()) {
    spool_.commit(batch);
  } else if (decoded.cut_off && events < asked_for) {
    quarantine(batch, ExitStatus::kPossibleLoss,
               fmt::format("OHIP's answer is damaged: {}: up to {} more events may be lost ({})",
                           decoded.damage, asked_for - events, describe(batch)));
  } else {
    quarantine(batch, ExitStatus::kQuarantine,
               fmt::format("OHIP's answer was put into quarantine: {} ({})", decoded.damage,
                           describe(batch)));
  }
}

// The events are acknowledged, and their only copy was in memory.
void Forwarder::settle_from_memory(const Batch& batch, const Decoded& decoded,
                                   const std::vector<Reject>& rejects, std::size_t asked_for) {
  const std::string failed = fmt::format("{}, when OHIP had already answered", batch.storage_error);
  try {
    settle(batch, decoded, rejects, asked_for);
  } catch (const Error& e) {
    if (!rejects.empty() || !decoded.damage.empty()) {
      throw Error(ExitStatus::kPossibleLoss,
                  fmt::format("{}: what Kafka could not take is lost, because the quarantine fails "
                              "too: {} ({})",
                              failed, e.what(), describe(batch)),
                  kReconcile);
    }
  }
  throw Error(ExitStatus::kSpool,
              fmt::format("{}: its {} were delivered to Kafka straight from memory", failed,
                          plural(decoded.records.size(), "event", "events")),
              "nothing is lost; mend the storage before the next run");
}

void Forwarder::quarantine(const Batch& batch, ExitStatus status, const std::string& what) {
  const std::filesystem::path path = spool_.quarantine(batch, what + "\n");
  ++report_.quarantined;
  const std::string look = "look at " + path.string();
  report_.add(
      Error(status, what,
            status == ExitStatus::kPossibleLoss ? fmt::format("{}; {}", kReconcile, look) : look));
}

bool Forwarder::over() const {
  return stop_.requested() || deadline_.left() == Milliseconds::zero();
}

Milliseconds Forwarder::patience() const {
  return stop_.requested() ? kGrace : std::max(deadline_.left(), kGrace);
}

}  // namespace ohip
