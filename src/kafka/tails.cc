#include "kafka/tails.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "kafka/tail_reader.h"

namespace ohip {
namespace {

constexpr std::int64_t kAtLeast = 500;  // records of each partition

// Before a batch's time of receipt: what clocks may differ by.
constexpr Milliseconds kMargin{60'000};
constexpr int kFurther = 10;

// A time of receipt that is still to come says nothing but that a clock was wrong.
constexpr std::chrono::hours kNobodyKnows{24};

TimePoint now() {
  return std::chrono::floor<TimePoint::duration>(std::chrono::system_clock::now());
}

}  // namespace

KafkaTails::KafkaTails(std::map<std::string, std::string> properties, const Log& log)
    : properties_(std::move(properties)), log_(log), margin_(kMargin) {}

KafkaTails::Found KafkaTails::look(std::span<const Record> records, Milliseconds patience) {
  Found found{false, std::vector<std::optional<KafkaTail::Place>>(records.size())};
  const std::lock_guard lock(mutex_);
  found.looked = know(wanted(records), patience);
  if (found.looked) {
    found.places = match(records);
  }
  return found;
}

KafkaTails::Wanted KafkaTails::wanted(std::span<const Record> records) {
  const TimePoint present = now();
  Wanted wanted{{}, present, {}};
  for (const Record& record : records) {
    const bool to_come = record.timestamp > present;
    wanted.topics.insert(record.topic);
    wanted.since = std::min(wanted.since, to_come ? present - kNobodyKnows : record.timestamp);
    wanted.received = std::max(wanted.received, to_come ? TimePoint() : record.timestamp);
  }
  return wanted;
}

// As many of several equal records as are there; of more copies than that the last ones, which are
// what order goes by.
std::vector<std::optional<KafkaTail::Place>> KafkaTails::match(
    std::span<const Record> records) const {
  std::vector<const std::vector<KafkaTail::Place>*> there;
  std::map<const std::vector<KafkaTail::Place>*, std::size_t> wanted;
  for (const Record& record : records) {
    there.push_back(&tails_.at(record.topic).places(record));
    ++wanted[there.back()];
  }
  std::map<const std::vector<KafkaTail::Place>*, std::size_t> next;
  std::vector<std::optional<KafkaTail::Place>> matched;
  for (const std::vector<KafkaTail::Place>* const places : there) {
    std::size_t& index = next[places];
    if (const std::size_t still = wanted[places]--; places->size() > still) {
      index = std::max(index, places->size() - still);
    }
    matched.push_back(index < places->size() ? std::optional((*places)[index++]) : std::nullopt);
  }
  return matched;
}

// Batches come oldest first, but for those of other queues: then all is read once more, from much
// earlier on.
bool KafkaTails::know(const Wanted& wanted, Milliseconds patience) {
  const auto known = [this](const std::string& topic) { return tails_.contains(topic); };
  if (given_up_ || wanted.topics.empty()) {
    return false;
  }
  const bool early_enough = since_ && *since_ + kMargin / 2 <= wanted.since;
  if (early_enough && wanted.received <= read_ &&
      std::all_of(wanted.topics.begin(), wanted.topics.end(), known)) {
    return true;
  }
  if (!early_enough) {
    since_ = wanted.since - margin_;
    margin_ *= kFurther;
  }
  std::set<std::string> all = wanted.topics;
  for (const auto& [topic, tail] : tails_) {
    all.insert(topic);
  }
  try {
    read_ = now();
    tails_ = read_tails(properties_, log_, all, *since_, kAtLeast, patience);
    return true;
  } catch (const Error& error) {
    given_up_ = true;
    log_.info(
        "what an earlier run left is published again as a whole, and may come twice; the topic "
        "cannot be read to see what is there already: {}",
        error.what());
    return false;
  }
}

void KafkaTails::forget() {
  const std::lock_guard lock(mutex_);
  tails_.clear();
}

std::string KafkaTails::cannot_look(const std::string& topic, Milliseconds patience) const {
  try {
    read_tails(properties_, log_, {topic}, now(), 0, patience);
    return {};
  } catch (const Error& error) {
    return error.what();
  }
}

}  // namespace ohip
