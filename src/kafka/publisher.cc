#include "kafka/publisher.h"

#include <algorithm>
#include <string_view>
#include <tuple>

#include "kafka/client.h"

namespace ohip {
namespace {

using State = Delivery::State;

constexpr std::size_t kRequest = 900'000;  // bytes; below batch.size and OCI Streaming's 1 MB

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
    const auto stuck = std::find_if(sent.begin(), sent.end(), [](const Delivery& delivery) {
      return delivery.state == State::kUndelivered;
    });
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
    : client_(std::async(std::launch::async, [properties, &log, fresh_for, notes] {
        return std::make_unique<KafkaClient>(properties, log, fresh_for, notes);
      })) {}

KafkaPublisher::~KafkaPublisher() = default;

void KafkaPublisher::check(const std::set<std::string>& topics) {
  client_.get()->check(topics);
}

// A broker refuses a request, not a record: whatever came in company is tried again alone. And a
// record that does not provably lie behind the earlier ones of its key is published once more.
std::vector<Delivery> KafkaPublisher::publish(std::span<const Record> records,
                                              Milliseconds patience) {
  const SteadyPoint end = std::chrono::steady_clock::now() + patience;
  KafkaClient& client = *client_.get();
  std::vector<Delivery> fates = send_in_order(client, records, end);
  Ends ends;
  for (std::size_t i = 0; records.size() > 1 && i < records.size(); ++i) {
    if (fates[i].state == State::kRefused || !ends.follows(records[i], fates[i])) {
      fates[i] = client.send(records.subspan(i, 1), end).front();
    }
    ends.add(records[i], fates[i]);
  }
  return fates;
}

}  // namespace ohip
