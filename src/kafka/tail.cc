#include "kafka/tail.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "kafka/error.h"
#include "kafka/health.h"
#include "kafka/password_gate.h"
#include "kafka/types.h"

namespace ohip {
namespace {

using KafkaConsumer = Handle<rd_kafka_t, rd_kafka_destroy>;
using KafkaMessage = Handle<rd_kafka_message_t, rd_kafka_message_destroy>;

constexpr std::size_t kMostRecords = 50'000;  // of ours: some 15 MB
constexpr std::int64_t kAtLeast = 500;        // records of each partition
constexpr Milliseconds kSlice{50};

// Before a batch's time of receipt: what clocks may differ by.
constexpr Milliseconds kMargin{60'000};
constexpr int kFurther = 10;

const std::map<std::string, std::string> kReading = {
    {"auto.offset.reset",
     "error"},  // not silently from the end, when the log's start has passed us
    {"enable.partition.eof", "true"},
    {"fetch.max.bytes", "4000000"},
    {"fetch.wait.max.ms", "20"},
    {"isolation.level", "read_uncommitted"},  // nobody's open transaction holds us up
    {"max.partition.fetch.bytes", "1000000"},
    {"queued.max.messages.kbytes", "4000"},
};

[[noreturn]] void give_up(std::string_view topic, rd_kafka_resp_err_t code) {
  fail(ExitStatus::kUnavailable, "topic {}: {}", topic, rd_kafka_err2str(code));
}

std::map<std::string, std::string> consumer_properties(
    const std::map<std::string, std::string>& properties) {
  std::map<std::string, std::string> all = properties;
  for (const auto& [name, value] : kReading) {
    all[name] = value;
  }
  return all;
}

std::string header(const rd_kafka_headers_t* headers, const char* name) {
  const void* value = nullptr;
  std::size_t size = 0;
  return rd_kafka_header_get_last(headers, name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR
             ? std::string(static_cast<const char*>(value), size)
             : std::string();
}

std::string header(const Record& record, std::string_view name) {
  const auto found = std::find_if(record.headers.begin(), record.headers.end(),
                                  [name](const auto& one) { return one.first == name; });
  return found == record.headers.end() ? std::string() : found->second;
}

// Empty where one of them is missing.
std::string both(const std::string& request_id, const std::string& id) {
  return request_id.empty() || id.empty() ? std::string() : request_id + '\n' + id;
}

// One partition while it is read.
struct Reading {
  std::string topic;
  std::int32_t partition = -1;
  std::int64_t next = 0;
  std::int64_t end = 0;
  bool started = false;
};

// A consumer for one look at topics.
class Reader {
 public:
  Reader(const std::map<std::string, std::string>& properties, const Log& log, SteadyPoint end)
      : log_(log), end_(end), health_(Milliseconds::zero()), gate_(false) {
    KafkaConfiguration configuration = kafka_configuration(consumer_properties(properties));
    rd_kafka_conf_set_opaque(configuration.get(), this);
    rd_kafka_conf_set_log_cb(configuration.get(), on_log);
    rd_kafka_conf_set_error_cb(configuration.get(), on_error);
    rd_kafka_conf_set_connect_cb(configuration.get(), on_connect);
    rd_kafka_conf_set_closesocket_cb(configuration.get(), on_close);
    consumer_.reset(rd_kafka_new(RD_KAFKA_CONSUMER, configuration.get(), nullptr, 0));
    if (!consumer_) {
      fail(ExitStatus::kUnavailable, "librdkafka makes no consumer");
    }
    static_cast<void>(configuration.release());  // consumer_ owns it now
    queue_.reset(rd_kafka_queue_new(consumer_.get()));
  }
  ~Reader() {
    gate_.open();
    for (const Reading& reading : readings_) {
      if (reading.started) {
        rd_kafka_consume_stop(topics_.at(reading.topic).get(), reading.partition);
      }
    }
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  std::map<std::string, KafkaTail> read(const std::set<std::string>& topics, TimePoint since,
                                        std::int64_t at_least) {
    for (const std::string& name : topics) {
      add_partitions(name);
      tails_[name];
    }
    place(since, at_least);
    for (Reading& reading : readings_) {
      start(reading);
    }
    while (left_ > 0) {
      take(KafkaMessage(rd_kafka_consume_queue(queue_.get(), milliseconds(kSlice))));
      rd_kafka_poll(consumer_.get(), 0);
    }
    return std::move(tails_);
  }

 private:
  static void on_log(const rd_kafka_t* kafka, int /*level*/, const char* facility,
                     const char* text) {
    if (kafka != nullptr) {
      static_cast<const Reader*>(rd_kafka_opaque(kafka))
          ->log_.debug("kafka: tail: {}: {}", facility, text);
    }
  }
  static void on_error(rd_kafka_t* /*kafka*/, int code, const char* text, void* reader) {
    auto& self = *static_cast<Reader*>(reader);
    self.health_.failed(static_cast<rd_kafka_resp_err_t>(code), text);
    if (self.health_.lasting()) {
      self.gate_.refused();
    } else {
      self.gate_.failed();
    }
  }
  static int on_connect(int socket, const sockaddr* address, int length, const char* /*broker*/,
                        void* reader) {
    if (!static_cast<Reader*>(reader)->gate_.enter(socket)) {
      return ECONNABORTED;
    }
    const int result = ::connect(socket, address, static_cast<socklen_t>(length));
    return result == 0 || errno == EINPROGRESS ? 0 : errno;
  }
  static int on_close(int socket, void* reader) {
    static_cast<Reader*>(reader)->gate_.leave(socket);
    return ::close(socket);
  }

  static int milliseconds(Milliseconds time) { return static_cast<int>(time.count()); }

  // Throws when there is none.
  Milliseconds time_left() {
    rd_kafka_poll(consumer_.get(), 0);
    if (const std::optional<Error> lasting = health_.lasting()) {
      throw Error(*lasting);
    }
    const auto left = std::chrono::duration_cast<Milliseconds>(end_ - steady_now());
    if (left <= Milliseconds::zero()) {
      fail(ExitStatus::kUnavailable, "the time for it is over");
    }
    return left;
  }

  void add_partitions(const std::string& name) {
    KafkaTopic& topic = topics_[name];
    topic.reset(rd_kafka_topic_new(consumer_.get(), name.c_str(), nullptr));
    if (!topic) {
      give_up(name, RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION);
    }
    const KafkaMetadata answer = metadata(topic.get());
    if (const std::optional<KafkaTrouble> trouble = topic_trouble(*answer, name)) {
      throw Error(trouble->error);
    }
    for (const PartitionLeader& leader : partition_leaders(*answer, name)) {
      readings_.push_back({name, leader.partition});
    }
  }

  KafkaMetadata metadata(rd_kafka_topic_t* topic) {
    for (;;) {
      const Milliseconds patience = std::min(time_left(), Milliseconds(1'000));
      const rd_kafka_metadata_t* answer = nullptr;
      if (rd_kafka_metadata(consumer_.get(), 0, topic, &answer, milliseconds(patience)) ==
          RD_KAFKA_RESP_ERR_NO_ERROR) {
        gate_.open();
        return KafkaMetadata(answer);
      }
    }
  }

  // Where each partition is to be read from, and to. Without a record of that time or later, the
  // index by time says nothing.
  void place(TimePoint since, std::int64_t at_least) {
    const std::vector<std::int64_t> lows = offsets(RD_KAFKA_OFFSET_BEGINNING);
    const std::vector<std::int64_t> ends = offsets(RD_KAFKA_OFFSET_END);
    const std::vector<std::int64_t> times = offsets(std::max<std::int64_t>(
        0, std::chrono::floor<Milliseconds>(since.time_since_epoch()).count()));
    for (std::size_t i = 0; i < readings_.size(); ++i) {
      const std::int64_t by_time = times[i] >= 0 ? times[i] : ends[i];
      readings_[i].next = std::max(lows[i], std::min(by_time, ends[i] - at_least));
      readings_[i].end = ends[i];
    }
  }

  // Of each partition; what is negative stands for its begin or end, else it is a time in ms.
  std::vector<std::int64_t> offsets(std::int64_t what) {
    const KafkaPartitions list(
        rd_kafka_topic_partition_list_new(static_cast<int>(readings_.size())));
    for (const Reading& reading : readings_) {
      rd_kafka_topic_partition_list_add(list.get(), reading.topic.c_str(), reading.partition)
          ->offset = what;
    }
    const rd_kafka_resp_err_t code =
        rd_kafka_offsets_for_times(consumer_.get(), list.get(), milliseconds(time_left()));
    std::vector<std::int64_t> found;
    for (const Reading& reading : readings_) {
      const rd_kafka_topic_partition_t* const partition =
          rd_kafka_topic_partition_list_find(list.get(), reading.topic.c_str(), reading.partition);
      if (code != RD_KAFKA_RESP_ERR_NO_ERROR || partition->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        give_up(reading.topic, code != RD_KAFKA_RESP_ERR_NO_ERROR ? code : partition->err);
      }
      found.push_back(partition->offset);
    }
    return found;
  }

  // Also where there is nothing to read: whether we may read shows then, too.
  void start(Reading& reading) {
    if (rd_kafka_consume_start_queue(topics_.at(reading.topic).get(), reading.partition,
                                     reading.next, queue_.get()) != 0) {
      give_up(reading.topic, rd_kafka_last_error());
    }
    reading.started = true;
    ++left_;
  }

  void take(const KafkaMessage& message) {
    if (!message) {
      time_left();
      return;
    }
    const std::string topic = message->rkt == nullptr ? "" : rd_kafka_topic_name(message->rkt);
    const auto reading = std::find_if(readings_.begin(), readings_.end(), [&](const Reading& one) {
      return one.topic == topic && one.partition == message->partition;
    });
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      finish(reading == readings_.end() ? nullptr : &*reading);
    } else if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      give_up(topic, message->err);
    } else if (reading != readings_.end() && reading->next < reading->end) {
      note(*message, *reading);
    }
  }

  void note(const rd_kafka_message_t& message, Reading& reading) {
    if (!tails_.at(reading.topic).add(message)) {
      fail(ExitStatus::kUnavailable, "topic {}: more than {} records of ours since then",
           reading.topic, kMostRecords);
    }
    reading.next = message.offset + 1;
    if (reading.next >= reading.end) {
      finish(&reading);
    }
    constexpr std::int64_t kNowAndThen = 1'000;
    if (message.offset % kNowAndThen == 0) {
      time_left();
    }
  }

  // Its last record may be none for readers: the end of a transaction.
  void finish(Reading* reading) {
    if (reading != nullptr && !finished_.contains({reading->topic, reading->partition})) {
      finished_.insert({reading->topic, reading->partition});
      reading->next = reading->end;
      --left_;
    }
  }

  const Log& log_;
  const SteadyPoint end_;
  KafkaHealth health_;
  PasswordGate gate_;
  KafkaConsumer consumer_;
  KafkaQueue queue_;
  std::map<std::string, KafkaTopic> topics_;
  std::vector<Reading> readings_;
  std::set<std::pair<std::string, std::int32_t>> finished_;
  std::size_t left_ = 0;  // partitions to be read to their end
  std::map<std::string, KafkaTail> tails_;
};

}  // namespace

const std::vector<KafkaTail::Place>& KafkaTail::places(const Record& record) const {
  static const std::vector<Place> kNone;
  const std::string name = both(header(record, "ce_requestid"), header(record, "ce_id"));
  if (const auto first = places_.lower_bound({name, 0});
      first == places_.end() || first->first.first != name) {
    return kNone;  // without a look at what may be megabytes
  }
  const auto found = places_.find({name, std::hash<std::string_view>()(record.payload())});
  return found == places_.end() ? kNone : found->second;
}

bool KafkaTail::add(const rd_kafka_message_t& message) {
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(&message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return true;
  }
  const std::string name = both(header(headers, "ce_requestid"), header(headers, "ce_id"));
  if (name.empty()) {
    return true;
  }
  const std::string_view value(static_cast<const char*>(message.payload), message.len);
  places_[{name, std::hash<std::string_view>()(value)}].push_back(
      {message.partition, message.offset});
  return ++count_ < kMostRecords;
}

std::map<std::string, KafkaTail> read_tails(const std::map<std::string, std::string>& properties,
                                            const Log& log, const std::set<std::string>& topics,
                                            TimePoint since, std::int64_t at_least,
                                            Milliseconds patience) {
  return Reader(properties, log, steady_now() + patience).read(topics, since, at_least);
}

KafkaTails::KafkaTails(std::map<std::string, std::string> properties, const Log& log)
    : properties_(std::move(properties)), log_(log), margin_(kMargin) {}

KafkaTails::Found KafkaTails::look(std::span<const Record> records, Milliseconds patience) {
  Found found{false, std::vector<std::optional<KafkaTail::Place>>(records.size())};
  std::set<std::string> topics;
  TimePoint since = std::chrono::floor<TimePoint::duration>(std::chrono::system_clock::now());
  for (const Record& record : records) {
    topics.insert(record.topic);
    since = std::min(since, record.timestamp);
  }
  const std::lock_guard lock(mutex_);
  found.looked = know(topics, since, patience);
  if (found.looked) {
    found.places = match(records);
  }
  return found;
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
bool KafkaTails::know(const std::set<std::string>& topics, TimePoint since, Milliseconds patience) {
  const auto known = [this](const std::string& topic) { return tails_.contains(topic); };
  if (given_up_ || topics.empty()) {
    return false;
  }
  const bool early_enough = since_ && *since_ + kMargin / 2 <= since;
  if (early_enough && std::all_of(topics.begin(), topics.end(), known)) {
    return true;
  }
  if (!early_enough) {
    since_ = since - margin_;
    margin_ *= kFurther;
  }
  std::set<std::string> all = topics;
  for (const auto& [topic, tail] : tails_) {
    all.insert(topic);
  }
  try {
    tails_ = read_tails(properties_, log_, all, *since_, kAtLeast, patience);
    return true;
  } catch (const Error& error) {
    given_up_ = true;
    log_.info(
        "what an earlier run left is published again as a whole, and may come twice; nobody can "
        "look what is there already: {}",
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
    const auto now = std::chrono::floor<TimePoint::duration>(std::chrono::system_clock::now());
    read_tails(properties_, log_, {topic}, now, 0, patience);
    return {};
  } catch (const Error& error) {
    return error.what();
  }
}

}  // namespace ohip
