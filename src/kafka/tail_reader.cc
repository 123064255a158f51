#include "kafka/tail_reader.h"

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.h"
#include "config/kafka_properties.h"
#include "kafka/consumer.h"
#include "kafka/error.h"
#include "kafka/types.h"

namespace ohip {
namespace {

constexpr Milliseconds kSlice{50};

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

// librdkafka asks for no more while that queue is full, and then waits a second before it looks
// again; from 2.3 on as long as this says.
constexpr const char* kBackoff = "fetch.queue.backoff.ms";

// Before that its threads look whenever they have something to do.
constexpr const char* kSomethingToDo = "topic.metadata.refresh.interval.ms";

[[noreturn]] void give_up(std::string_view topic, rd_kafka_resp_err_t code) {
  fail(ExitStatus::kUnavailable, "topic {}: {}", topic, rd_kafka_err2str(code));
}

std::map<std::string, std::string> consumer_properties(
    const std::map<std::string, std::string>& properties) {
  std::map<std::string, std::string> all = properties;
  for (const auto& [name, value] : kReading) {
    all[name] = value;
  }
  if (is_kafka_property(kBackoff)) {
    all[kBackoff] = "5";
  } else {
    all[kSomethingToDo] = "20";
  }
  return all;
}

// Another broker leads the partition now, or will soon.
bool passes(rd_kafka_resp_err_t code) {
  switch (code) {
    case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH:
    case RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH:
    case RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR:
    case RD_KAFKA_RESP_ERR__TRANSPORT:
      return true;
    default:
      return false;
  }
}

// One partition while it is read.
struct Reading {
  std::string topic;
  std::int32_t partition = -1;
  std::int64_t next = 0;
  std::int64_t end = 0;
  bool started = false;
  bool finished = false;
};

// A consumer for one look at topics.
class Reader {
 public:
  Reader(const std::map<std::string, std::string>& properties, const Log& log, SteadyPoint end)
      : end_(end),
        consumer_(consumer_properties(properties), "tail", log),
        queue_(rd_kafka_queue_new(consumer_.handle())) {}
  ~Reader() {
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
      rd_kafka_poll(consumer_.handle(), 0);
    }
    return std::move(tails_);
  }

 private:
  static int milliseconds(Milliseconds time) { return static_cast<int>(time.count()); }

  // Throws when there is none.
  Milliseconds time_left() {
    consumer_.throw_if_lasting();
    const auto left = std::chrono::duration_cast<Milliseconds>(end_ - steady_now());
    if (left <= Milliseconds::zero()) {
      fail(ExitStatus::kUnavailable, "the time for it is over");
    }
    return left;
  }

  void add_partitions(const std::string& name) {
    KafkaTopic& topic = topics_[name];
    topic.reset(rd_kafka_topic_new(consumer_.handle(), name.c_str(), nullptr));
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
      if (rd_kafka_metadata(consumer_.handle(), 0, topic, &answer, milliseconds(patience)) ==
          RD_KAFKA_RESP_ERR_NO_ERROR) {
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
    for (;; std::this_thread::sleep_for(std::min(kSlice, time_left()))) {
      const KafkaPartitions answer = ask_offsets(what);
      std::vector<std::int64_t> found;
      for (const Reading& reading : readings_) {
        const rd_kafka_topic_partition_t* const partition = rd_kafka_topic_partition_list_find(
            answer.get(), reading.topic.c_str(), reading.partition);
        if (partition->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
          found.push_back(partition->offset);
        } else if (!passes(partition->err)) {
          give_up(reading.topic, partition->err);
        }
      }
      if (found.size() == readings_.size()) {
        return found;
      }
    }
  }

  // Each with its offset or an error.
  KafkaPartitions ask_offsets(std::int64_t what) {
    KafkaPartitions list(rd_kafka_topic_partition_list_new(static_cast<int>(readings_.size())));
    for (const Reading& reading : readings_) {
      rd_kafka_topic_partition_list_add(list.get(), reading.topic.c_str(), reading.partition)
          ->offset = what;
    }
    const rd_kafka_resp_err_t code =
        rd_kafka_offsets_for_times(consumer_.handle(), list.get(), milliseconds(time_left()));
    for (int i = 0; code != RD_KAFKA_RESP_ERR_NO_ERROR && i < list->cnt; ++i) {
      list->elems[i].err = code;
    }
    return list;
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
    const std::string_view topic = message->rkt == nullptr ? "" : rd_kafka_topic_name(message->rkt);
    Reading* const reading = find(topic, message->partition);
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      finish(reading);
    } else if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      give_up(topic, message->err);
    } else if (reading != nullptr && reading->next < reading->end) {
      note(*message, *reading);
    }
  }

  // Most often the one of the last message.
  Reading* find(std::string_view topic, std::int32_t partition) {
    const auto is_it = [&](const Reading& one) {
      return one.partition == partition && one.topic == topic;
    };
    if (last_ == nullptr || !is_it(*last_)) {
      const auto found = std::find_if(readings_.begin(), readings_.end(), is_it);
      last_ = found == readings_.end() ? nullptr : &*found;
    }
    return last_;
  }

  void note(const rd_kafka_message_t& message, Reading& reading) {
    if (!tails_.at(reading.topic).add(message)) {
      fail(ExitStatus::kUnavailable, "topic {}: more than {} records of ours since then",
           reading.topic, KafkaTail::kMost);
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
    if (reading != nullptr && !reading->finished) {
      reading->finished = true;
      reading->next = reading->end;
      --left_;
    }
  }

  const SteadyPoint end_;
  KafkaConsumer consumer_;
  KafkaQueue queue_;
  std::map<std::string, KafkaTopic> topics_;
  std::vector<Reading> readings_;  // stay where they are once the first is started
  Reading* last_ = nullptr;
  std::size_t left_ = 0;  // partitions to be read to their end
  std::map<std::string, KafkaTail> tails_;
};

}  // namespace

std::map<std::string, KafkaTail> read_tails(const std::map<std::string, std::string>& properties,
                                            const Log& log, const std::set<std::string>& topics,
                                            TimePoint since, std::int64_t at_least,
                                            Milliseconds patience) {
  return Reader(properties, log, steady_now() + patience).read(topics, since, at_least);
}

}  // namespace ohip
