#include "kafka/plain_sink.h"

#include <utility>
#include <vector>

#include "kafka/client.h"

namespace ohip {
namespace {

using State = Delivery::State;

constexpr Milliseconds kFresh{10'000};
constexpr Milliseconds kPatience{45'000};
constexpr Milliseconds kPosition{20'000};

}  // namespace

PlainSink::PlainSink(const std::map<std::string, std::string>& properties, GroupPlace place,
                     const Log& log)
    : place_(std::move(place)),
      publisher_(properties, log, {}, kFresh),
      log_(log),
      properties_(properties) {}

// Made when the publisher has been let in, lest a wrong password be offered twice.
GroupClient& PlainSink::group() {
  if (!group_) {
    group_ = std::make_unique<GroupClient>(properties_, place_, false, log_);
  }
  return *group_;
}

void PlainSink::check(const std::set<std::string>& topics) {
  publisher_.check(topics);
  if (!topics.contains(place_.topic)) {
    KafkaClient(properties_, log_, kFresh).ask(place_.topic);
  }
}

std::optional<GroupOffset> PlainSink::committed() {
  return group().ask(kPosition);
}

std::optional<GroupOffset> PlainSink::take_over() {
  return committed();
}

void PlainSink::commit(std::span<const Record> records, const std::optional<GroupOffset>& position,
                       const OnRefused& on_refused) {
  const std::vector<Delivery> fates = publisher_.publish(records, kPatience);
  std::size_t refused = 0;
  for (const Delivery& fate : fates) {
    refused += fate.state == State::kRefused ? 1U : 0U;
    if (fate.state == State::kUndelivered) {
      throw Error(fate.status == ExitStatus::kPending ? ExitStatus::kUnavailable : fate.status,
                  fate.reason, "its position is not committed; the next run tries again");
    }
  }
  if (refused == records.size() && refused > 1) {
    fail(ExitStatus::kConfig, "{}: all of {} events", fates.front().reason, refused);
  }
  for (std::size_t i = 0; i < fates.size(); ++i) {
    if (fates[i].state == State::kRefused) {
      on_refused(i, fates[i].reason);
    }
  }
  if (position) {
    group().commit(*position, kPosition);
  }
}

}  // namespace ohip
