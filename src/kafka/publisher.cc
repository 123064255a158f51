#include "kafka/publisher.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <tuple>

#include "kafka/client.h"
#include "kafka/tails.h"

namespace ohip {
namespace {

using State = Delivery::State;
using Found = KafkaTails::Found;

constexpr std::size_t kRequest = 900'000;  // bytes; below batch.size and OCI Streaming's 1 MB

// Of a recovery, however much time there is: 1,000,000 records on one machine.
constexpr Milliseconds kLongestLook{5'000};

bool is_undelivered(const Delivery& delivery) {
  return delivery.state == State::kUndelivered;
}

// A record whose key lacks an earlier one comes behind that one once more.
void forget_what_lies_too_early(std::span<const Record> records,
                                std::vector<std::optional<KafkaTail::Place>>& places) {
  std::set<std::pair<std::string_view, std::string_view>> lacking;
  for (std::size_t i = 0; i < records.size(); ++i) {
    const std::pair<std::string_view, std::string_view> key(records[i].topic, records[i].key);
    if (!places[i] || lacking.contains(key)) {
      places[i].reset();
      lacking.insert(key);
    }
  }
}

// Found where an earlier run put it.
Delivery there(const KafkaTail::Place& place) {
  Delivery delivery;
  delivery.state = State::kAcknowledged;
  delivery.status = ExitStatus::kOk;
  delivery.partition = place.partition;
  delivery.offset = place.offset;
  delivery.already_there = true;
  return delivery;
}

std::size_t size_of(const Record& record) {
  std::size_t size = record.key.size() + record.value.size() + record.mapping.size();
  for (const auto& [name, value] : record.headers) {
    size += name.size() + value.size();
  }
  return size;
}

// The first of the records: as many as go into one request.
std::span<const Record> one_request(std::span<const Record> records) {
  std::size_t count = 1;
  for (std::size_t size = size_of(records[0]); count < records.size(); ++count) {
    size += size_of(records[count]);
    if (size > kRequest) {
      break;
    }
  }
  return records.first(count);
}

// librdkafka has a partition's next request ready before the last one is answered; when that one
// fails, its records come behind the next one's. So nothing follows until all are in.
std::vector<Delivery> send_in_order(KafkaClient& client, std::span<const Record> records,
                                    SteadyPoint end) {
  std::vector<Delivery> fates;
  while (fates.size() < records.size()) {
    const std::vector<Delivery> sent = client.send(one_request(records.subspan(fates.size())), end);
    fates.insert(fates.end(), sent.begin(), sent.end());
    const auto stuck = std::find_if(sent.begin(), sent.end(), is_undelivered);
    if (stuck != sent.end()) {
      fates.resize(records.size(), *stuck);
    }
  }
  return fates;
}

// Where the records of each key end so far. When librdkafka sends a request again, its records come
// behind those of a request that followed it.
class Ends {
 public:
  bool follows(const Record& record, const Delivery& delivery) const {
    const auto end = ends_.find(place(record, delivery));
    return delivery.state != State::kAcknowledged || end == ends_.end() ||
           (delivery.offset && end->second && *delivery.offset > *end->second);
  }

  void add(const Record& record, const Delivery& delivery) {
    if (delivery.state == State::kAcknowledged) {
      ends_[place(record, delivery)] = delivery.offset;
    }
  }

 private:
  using Place = std::tuple<std::string_view, std::string_view, std::int32_t>;

  static Place place(const Record& record, const Delivery& delivery) {
    return {record.topic, record.key, delivery.partition};
  }

  std::map<Place, std::optional<std::int64_t>> ends_;  // offsets, where known
};

}  // namespace

KafkaPublisher::KafkaPublisher(const std::map<std::string, std::string>& properties, const Log& log,
                               const std::filesystem::path& notes, Milliseconds fresh_for)
    : tails_(std::make_unique<KafkaTails>(properties, log)),
      client_(std::async(std::launch::async, [properties, &log, fresh_for, notes] {
        return std::make_unique<KafkaClient>(properties, log, fresh_for, notes);
      })) {}

KafkaPublisher::~KafkaPublisher() = default;

void KafkaPublisher::check(const std::set<std::string>& topics) {
  client_.get()->check(topics);
}

std::vector<Delivery> KafkaPublisher::publish(std::span<const Record> records,
                                              Milliseconds patience) {
  const SteadyPoint end = std::chrono::steady_clock::now() + patience;
  return finish(records, send_in_order(*client_.get(), records, end), end);
}

std::vector<Delivery> KafkaPublisher::publish_rest(std::span<const Record> records,
                                                   Milliseconds patience) {
  const SteadyPoint end = std::chrono::steady_clock::now() + patience;
  Found found = tails_->look(records, std::min(patience / 3, kLongestLook));
  forget_what_lies_too_early(records, found.places);
  std::vector<Record> rest;
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (!found.places[i]) {
      rest.push_back(records[i]);
    }
  }
  const std::vector<Delivery> sent = send_in_order(*client_.get(), rest, end);
  std::vector<Delivery> fates;
  for (auto next = sent.begin(); const std::optional<KafkaTail::Place>& place : found.places) {
    fates.push_back(place ? there(*place) : *next++);
    fates.back().perhaps_twice = !found.looked;
  }
  return finish(records, std::move(fates), end);
}

// A broker refuses a request, not a record: whatever came in company is tried again alone. And a
// record that does not provably lie behind the earlier ones of its key is published once more.
std::vector<Delivery> KafkaPublisher::finish(std::span<const Record> records,
                                             std::vector<Delivery> fates, SteadyPoint end) {
  Ends ends;
  for (std::size_t i = 0; records.size() > 1 && i < records.size(); ++i) {
    if (fates[i].state == State::kRefused || !ends.follows(records[i], fates[i])) {
      fates[i] = client_.get()->send(records.subspan(i, 1), end).front();
    }
    ends.add(records[i], fates[i]);
  }
  if (std::any_of(fates.begin(), fates.end(), is_undelivered)) {
    tails_->forget();  // it may have come through all the same
  }
  return fates;
}

std::string KafkaPublisher::cannot_look(const std::string& topic, Milliseconds patience) {
  return tails_->cannot_look(topic, patience);
}

}  // namespace ohip
