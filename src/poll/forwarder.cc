#include "poll/forwarder.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "http/wording.h"

namespace ohip {
namespace {

using namespace std::chrono_literals;

// Publishing what is already ours gets this long even when the deadline is over or a stop was
// requested.
constexpr Milliseconds kGrace = 5s;

constexpr const char* kReconcile =
    "find out in OPERA what changed around that time and compare with what your consumers got";

// A run was killed after it had asked and before anything came that says something.
bool never_answered(const Batch& batch) {
  return !batch.whole && is_blank(batch.body);
}

// Kafka has the same against each of several records: then it is hardly their fault.
bool refused_alike(const std::vector<Delivery>& deliveries) {
  return deliveries.size() > 1 &&
         std::all_of(deliveries.begin(), deliveries.end(), [&](const Delivery& delivery) {
           return delivery.state == Delivery::State::kRefused &&
                  delivery.code == deliveries.front().code;
         });
}

// A file to which a person gave another name has no request.
std::string describe(const Batch& batch) {
  const std::string time = rfc3339_utc(batch.received);
  return batch.request_id.empty() ? "received " + time
                                  : fmt::format("x-request-id {}, {}", batch.request_id, time);
}

// Nobody can publish it later.
Error lost_with_memory(const Batch& batch, std::string_view why, std::size_t missing) {
  return Error(ExitStatus::kPossibleLoss,
               fmt::format("the spool failed ({}) and {}: up to {} events are lost",
                           batch.storage_error, why, missing),
               kReconcile, describe(batch));
}

// A topic with a placeholder is known only with the event.
std::set<std::string> known_topics(const std::string& topic) {
  return topic.find('{') == std::string::npos ? std::set{topic} : std::set<std::string>{};
}

// What becomes of one batch; all it does is in its report.
class Settlement {
 public:
  Settlement(const Spool& spool, const Batch& batch) : spool_(spool), batch_(batch) {}

  // Sorts out what the publisher says of the records. Throws Error when one of them is not
  // acknowledged, or all are refused alike: nothing may be committed then.
  void count(const std::vector<Record>& records, const std::vector<Delivery>& deliveries) {
    if (refused_alike(deliveries) && batch_.storage_error.empty()) {
      throw_refused_alike(deliveries);
    }
    const Delivery* undelivered = nullptr;
    std::size_t missing = 0;
    for (std::size_t i = 0; i < deliveries.size(); ++i) {
      switch (deliveries[i].state) {
        case Delivery::State::kAcknowledged:
          ++report_.delivered;
          report_.already_there += deliveries[i].already_there ? 1U : 0U;
          report_.repeated += deliveries[i].perhaps_twice ? 1U : 0U;
          break;
        case Delivery::State::kRefused:
          refused_.emplace_back(i, "Kafka refuses it: " + deliveries[i].reason);
          break;
        case Delivery::State::kUndelivered:
          ++missing;
          undelivered = &deliveries[i];
          break;
      }
    }
    if (undelivered != nullptr) {
      throw_not_acknowledged(*undelivered, records.size(), missing);
    }
  }

  // Everything is acknowledged but for the rejects: they go into quarantine, the batch goes.
  void commit(const Decoded& decoded) {
    if (batch_.storage_error.empty()) {
      commit_file(decoded);
    } else {
      commit_memory(decoded);
    }
  }

  void quarantine(ExitStatus status, const std::string& what) {
    const std::string detail = describe(batch_);
    const std::filesystem::path path =
        spool_.quarantine(batch_, fmt::format("{} ({})\n", what, detail));
    ++report_.quarantined;
    const std::string look = "look at " + path.string();
    report_.add(
        Error(status, what,
              status == ExitStatus::kPossibleLoss ? fmt::format("{}; {}", kReconcile, look) : look,
              detail));
  }

  // What is being caught ended the delivery of what may hold so many events.
  void give_up(std::size_t events) {
    const Error error = current_error();
    if (batch_.storage_error.empty()) {
      report_.add(error);
      return;
    }
    const std::size_t missing = events - std::min(events, report_.delivered);
    report_.possibly_lost += missing;
    report_.add(lost_with_memory(batch_, error.what(), missing));
  }

  QueueReport& report() { return report_; }

 private:
  [[noreturn]] void throw_not_acknowledged(const Delivery& delivery, std::size_t records,
                                           std::size_t missing) {
    const std::string what = fmt::format("Kafka has not acknowledged {} of {} events: {}", missing,
                                         records, delivery.reason);
    if (batch_.storage_error.empty()) {
      throw Error(delivery.status, fmt::format("{}; they stay in the spool", what),
                  delivery.status == ExitStatus::kPending
                      ? "the next run publishes them first"
                      : "fix that; the next run publishes them first, and takes nothing before",
                  batch_.file);
    }
    report_.possibly_lost += missing;
    throw lost_with_memory(batch_, what, missing);
  }

  [[noreturn]] void throw_refused_alike(const std::vector<Delivery>& deliveries) const {
    throw Error(ExitStatus::kConfig,
                fmt::format("Kafka refuses all {} events alike: {}; they stay in the spool",
                            deliveries.size(), deliveries.front().reason),
                fmt::format("see to the settings of the topic and of this program; the next run "
                            "publishes them first, and takes nothing before. If it is the events' "
                            "fault, move {} into the directory quarantine beside it",
                            (spool_.directory() / batch_.file).string()),
                describe(batch_));
  }

  void commit_file(const Decoded& decoded) {
    std::size_t number = 0;
    for (const Reject& reject : decoded.rejects) {
      quarantine_event(++number, reject.event, reject.reason);
    }
    for (const auto& [record, reason] : refused_) {
      quarantine_event(++number, decoded.records[record].payload(), reason);
    }
    if (decoded.damage.empty()) {
      spool_.commit(batch_);
    } else if (decoded.cut_off && decoded.events < batch_.asked_for) {
      const std::size_t missing = batch_.asked_for - decoded.events;
      report_.possibly_lost += missing;
      quarantine(ExitStatus::kPossibleLoss,
                 fmt::format("OHIP's response is damaged: {}: up to {} may be lost", decoded.damage,
                             plural(missing, "more event", "more events")));
    } else {
      quarantine(ExitStatus::kQuarantine,
                 fmt::format("OHIP's response was put into quarantine: {}{}", decoded.damage,
                             words_of_answer(decoded)));
    }
  }

  // Where it holds no events: who else answered.
  std::string words_of_answer(const Decoded& decoded) const {
    const std::string words =
        decoded.events > 0 ? "" : words_of(decoded.text ? *decoded.text : batch_.body);
    return words.empty() ? "" : fmt::format(": \"{}\"", words);
  }

  // Of what Kafka refuses, what was sent: the answer with its mappings goes.
  void quarantine_event(std::size_t number, const std::string& event, const std::string& reason) {
    const auto path = spool_.quarantine_event(batch_, number, event, reason + "\n");
    ++report_.quarantined;
    report_.add(Error(ExitStatus::kQuarantine,
                      fmt::format("one event was put into quarantine: {}", reason),
                      "look at " + path.string(), describe(batch_)));
  }

  // The only copy was in memory.
  void commit_memory(const Decoded& decoded) {
    const std::string failed =
        fmt::format("{}, when OHIP had already responded", batch_.storage_error);
    try {
      commit_file(decoded);
    } catch (const Error& e) {
      if (!refused_.empty() || !decoded.rejects.empty() || !decoded.damage.empty()) {
        throw Error(ExitStatus::kPossibleLoss,
                    fmt::format("{}: what Kafka could not take is lost, because the quarantine "
                                "fails too: {}",
                                failed, e.what()),
                    kReconcile, describe(batch_));
      }
    }
    throw Error(ExitStatus::kSpool,
                fmt::format("{}: its {} were delivered to Kafka straight from memory", failed,
                            plural(decoded.records.size(), "event", "events")),
                "nothing is lost; fix the storage before the next run");
  }

  const Spool& spool_;
  const Batch& batch_;
  std::vector<std::pair<std::size_t, std::string>> refused_;  // records, and why
  QueueReport report_;
};

}  // namespace

Forwarder::Forwarder(Spool& spool, Publisher& publisher, Origin origin, bool drain,
                     const Deadline& deadline, const Stop& stop, QueueReport& report)
    : spool_(spool),
      publisher_(publisher),
      origin_(std::move(origin)),
      drain_(drain),
      deadline_(deadline),
      stop_(stop),
      report_(report),
      topics_(known_topics(origin_.topic)) {
  const std::vector<std::string> files = spool.pending();
  waiting_.assign(files.begin(), files.end());
}

bool Forwarder::recover() {
  const Stopwatch watch(report_.steps.recover);
  try {
    return recover_oldest();
  } catch (const Error& error) {
    report_.add(error);
    return false;
  }
}

bool Forwarder::recover_oldest() {
  const std::string left = plural(waiting_.size(), "batch taken earlier stays in the spool",
                                  "batches taken earlier stay in the spool");
  try {
    publisher_.check(topics_);
  } catch (const Error& e) {
    const bool passes = e.status() == ExitStatus::kUnavailable;
    throw Error(passes ? ExitStatus::kPending : e.status(), fmt::format("{}; {}", e.what(), left),
                e.hint());
  }
  if (over()) {
    throw Error(ExitStatus::kPending, fmt::format("the run's time is over; {}", left),
                "the next run goes on with them");
  }
  const Taken taken(spool_.read(waiting_.front()), origin_, true);
  waiting_.pop_front();
  if (taken.lacks_events()) {
    spool_.begin_doubt();
  }
  if (never_answered(taken.batch)) {
    note_killed_run(taken.batch);
    return true;
  }
  report_.taken += taken.decoded.events;
  const Outcome outcome = deliver(taken);
  report_.add(outcome.report);
  return outcome.settled;
}

void Forwarder::note_killed_run(const Batch& batch) {
  Settlement settlement(spool_, batch);
  settlement.report().possibly_lost = batch.asked_for;
  settlement.quarantine(ExitStatus::kPossibleLoss,
                        fmt::format("an earlier run was killed while OHIP was answering: up to {} "
                                    "may be lost",
                                    plural(batch.asked_for, "event", "events")));
  report_.add(settlement.report());
}

bool Forwarder::poll(Source& source) {
  bool more = false;
  try {
    more = !over() && poll_once(source) && drain_ && damaged_ < kMostDamaged;
  } catch (const Error& error) {
    // Who is told to stop before OHIP was asked has nothing to tell.
    if (!stop_.requested() || error.status() != ExitStatus::kUnavailable) {
      report_.add(error);
    }
  }
  if (!more) {
    finish();
  }
  return more;
}

bool Forwarder::poll_once(Source& source) {
  if (!source.wait_for_turn()) {
    report_.not_polled = !stop_.requested();
    return false;
  }
  std::optional<Batch> batch = source.take(spool_, [this] { publisher_.check(topics_); });
  if (!batch) {
    spool_.end_doubt();
    found_empty_ = !took_;
    return false;
  }
  Batch about = *batch;
  about.body.clear();
  try {
    auto taken = std::make_unique<const Taken>(*std::move(batch), origin_);
    learn_from(*taken);
    const bool more = taken->decoded.events >= taken->batch.asked_for;
    return begin_delivery(std::move(taken)) && more;
  } catch (...) {
    if (about.storage_error.empty()) {
      throw;
    }
    report_.possibly_lost += about.asked_for;
    throw lost_with_memory(about, current_error().what(), about.asked_for);
  }
}

void Forwarder::learn_from(const Taken& taken) {
  took_ |= taken.decoded.events > 0 || !taken.decoded.damage.empty();
  found_empty_ = !took_;
  if (taken.decoded.damage.empty()) {
    spool_.end_doubt();
    return;
  }
  ++damaged_;
  if (taken.lacks_events()) {
    spool_.begin_doubt();
  }
}

// In order: what was taken before is in Kafka first. Where that failed, this batch waits in the
// spool, too; but not if its only copy is in memory.
bool Forwarder::begin_delivery(std::unique_ptr<const Taken> taken) {
  const bool in_order = finish();
  report_.taken += taken->decoded.events;
  if (!in_order && taken->batch.storage_error.empty()) {
    return false;
  }
  // Where no thread is to be had the delivery waits for finish(); a copy of this is what it gets.
  const auto work = [this, kept = std::shared_ptr<const Taken>(std::move(taken))] {
    return deliver(*kept);
  };
  delivery_ =
      std::async(drain_ ? std::launch::async | std::launch::deferred : std::launch::deferred, work);
  return in_order;
}

bool Forwarder::finish() {
  if (!delivery_.valid()) {
    return true;
  }
  const Outcome outcome = delivery_.get();
  report_.add(outcome.report);
  return outcome.settled;
}

Forwarder::Outcome Forwarder::deliver(const Taken& taken) const {
  Settlement settlement(spool_, taken.batch);
  bool settled = true;
  try {
    {
      const Stopwatch watch(settlement.report().steps.publish);
      const std::vector<Record>& records = taken.decoded.records;
      settlement.count(records, taken.perhaps_published
                                    ? publisher_.publish_rest(records, patience())
                                    : publisher_.publish(records, patience()));
    }
    settlement.commit(taken.decoded);
  } catch (const Error& error) {
    settlement.report().add(error);
    settled = false;
  } catch (...) {
    settlement.give_up(taken.may_hold());
    settled = false;
  }
  return {std::move(settlement.report()), settled};
}

bool Forwarder::over() const {
  return stop_.requested() || deadline_.left() == Milliseconds::zero();
}

Milliseconds Forwarder::patience() const {
  return stop_.requested() ? kGrace : std::max(deadline_.left(), kGrace);
}

}  // namespace ohip
