// ohip-stream between the simulator and a real Apache Kafka, beside what streams with less care.

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "base/handle.h"
#include "bench/classes.h"
#include "bench/sample.h"
#include "bench/table.h"
#include "kafka/cluster/broker.h"
#include "simulator/simulator.h"
#include "support/temporary_directory.h"

namespace ohip::bench {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::duration<double, std::milli>;
using test::Environment;

constexpr const char* kChain = "DEMO";
constexpr const char* kStreamHotel = "ABC";
constexpr int kPartitions = 4;
constexpr std::size_t kSize = 2'000;

sim::Options patient(bool waits) {
  sim::Options options;
  if (!waits) {
    options.lock_out = options.resubscribe_wait = 0ms;
  }
  return options;
}

// An OHIP with one chain's stream. Each topic makes a stream of its own from its begin: the
// position is found there.
class Ohip {
 public:
  explicit Ohip(bool waits = false) : ohip_(patient(waits)) {}

  void add(std::size_t count) {
    ohip_.streaming().add(kChain, [&](sim::Stream& stream) {
      stream.add_made(kStreamHotel, count, kSize, std::chrono::system_clock::now());
    });
  }
  // One event; its offset.
  std::string emit() {
    std::string offset;
    ohip_.streaming().add(kChain, [&](sim::Stream& stream) {
      stream.add_made(kStreamHotel, 1, kSize, std::chrono::system_clock::now());
      offset = stream.offset(stream.size() - 1);
    });
    return offset;
  }
  sim::StreamStats stats() const {
    const auto streams = ohip_.streaming().stats().streams;
    const auto found = streams.find(kChain);
    return found == streams.end() ? sim::StreamStats{} : found->second;
  }

  Environment environment(const std::string& topic) const {
    const sim::Options& options = ohip_.options();
    return {{"PATH", "/usr/bin:/bin"},
            {"OHIP_GATEWAY_URL", ohip_.url()},
            {"OHIP_CLIENT_ID", options.client_id},
            {"OHIP_CLIENT_SECRET", options.client_secret},
            {"OHIP_APP_KEY", options.app_key},
            {"OHIP_ENTERPRISE_ID", options.enterprise_id},
            {"OHIP_SCOPE", options.scope},
            {"OHIP_CHAIN", kChain},
            {"KAFKA_BOOTSTRAP_SERVERS", test::broker().plaintext()},
            {"KAFKA_SECURITY_PROTOCOL", "PLAINTEXT"},
            {"KAFKA_TOPIC", topic}};
  }

 private:
  sim::Simulator ohip_;
};

// A consumer of committed records, from the topic's begin.
class Consumer {
 public:
  explicit Consumer(const std::string& topic) : topic_(topic), client_(connect()) {
    const Handle<rd_kafka_topic_partition_list_t, rd_kafka_topic_partition_list_destroy> all(
        rd_kafka_topic_partition_list_new(kPartitions));
    for (int partition = 0; partition < kPartitions; ++partition) {
      rd_kafka_topic_partition_list_add(all.get(), topic.c_str(), partition)->offset = 0;
    }
    rd_kafka_assign(client_.get(), all.get());
  }

  // Where committed records end, over all partitions.
  std::int64_t committed() const {
    std::int64_t records = 0;
    for (int partition = 0; partition < kPartitions; ++partition) {
      std::int64_t low = 0;
      std::int64_t high = 0;
      rd_kafka_query_watermark_offsets(client_.get(), topic_.c_str(), partition, &low, &high,
                                       5'000);
      records += high;
    }
    return records;
  }

  // OHIP's offset of the next record, if one comes within that time.
  std::string next(std::chrono::milliseconds patience) const {
    const Handle<rd_kafka_message_t, rd_kafka_message_destroy> message(
        rd_kafka_consumer_poll(client_.get(), static_cast<int>(patience.count())));
    rd_kafka_headers_t* headers = nullptr;
    const void* value = nullptr;
    std::size_t size = 0;
    if (!message || message->err != RD_KAFKA_RESP_ERR_NO_ERROR ||
        rd_kafka_message_headers(message.get(), &headers) != RD_KAFKA_RESP_ERR_NO_ERROR ||
        rd_kafka_header_get_last(headers, "ce_ohipoffset", &value, &size) !=
            RD_KAFKA_RESP_ERR_NO_ERROR) {
      return {};
    }
    return {static_cast<const char*>(value), size};
  }

 private:
  static rd_kafka_t* connect() {
    char why[256];
    rd_kafka_conf_t* const conf = rd_kafka_conf_new();
    const std::map<std::string, std::string> settings = {
        {"bootstrap.servers", test::broker().plaintext()},
        {"group.id", "bench"},
        {"enable.auto.commit", "false"},
        {"isolation.level", "read_committed"},
        {"fetch.wait.max.ms", "10"},
        {"log_level", "0"}};
    for (const auto& [name, text] : settings) {
      rd_kafka_conf_set(conf, name.c_str(), text.c_str(), why, sizeof(why));
    }
    rd_kafka_t* const client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof(why));
    if (client == nullptr) {
      throw std::runtime_error(why);
    }
    rd_kafka_poll_set_consumer(client);
    return client;
  }

  std::string topic_;
  Handle<rd_kafka_t, rd_kafka_destroy> client_;
};

void wait_until(const std::function<bool()>& holds, std::chrono::seconds patience = 300s) {
  for (const auto end = Clock::now() + patience; !holds();) {
    if (Clock::now() > end) {
      throw std::runtime_error("it takes too long");
    }
    std::this_thread::sleep_for(2ms);
  }
}

// --- events a second, and what each costs

struct Peer {
  std::string name;
  std::vector<std::string> command;
  Environment settings;
  std::vector<Sample> samples = {};
  std::vector<double> rates = {};
  std::vector<double> cpu = {};  // microseconds an event
};

std::string node_job() {
  const char* const job = std::getenv("OHIP_POLL_BENCH_NODE");
  if (job == nullptr) {
    throw std::runtime_error("OHIP_POLL_BENCH_NODE is not set: start this with scripts/bench");
  }
  return job;
}

// From the first event that OHIP sends until the last one is committed.
void run_once(Ohip& ohip, std::size_t events, Peer& peer) {
  const std::string topic = test::broker().new_topic("ohip.bench", kPartitions);
  Environment environment = ohip.environment(topic);
  environment.insert(peer.settings.begin(), peer.settings.end());
  const Consumer consumer(topic);
  const std::uint64_t before = ohip.stats().sent;
  std::future<Sample> run =
      std::async(std::launch::async, [&] { return measure(peer.command, environment); });
  wait_until([&] { return ohip.stats().sent > before; });
  const auto begin = Clock::now();
  auto end = begin;
  std::int64_t last = 0;
  while (run.wait_for(5ms) != std::future_status::ready) {
    const std::int64_t committed = consumer.committed();
    if (committed > last) {
      last = committed;
      end = Clock::now();
    }
  }
  const std::int64_t committed = consumer.committed();
  if (committed > last) {
    last = committed;
    end = Clock::now();
  }
  peer.samples.push_back(run.get());
  if (last < static_cast<std::int64_t>(events)) {
    throw std::runtime_error(fmt::format("{}: {} of {} events are there", peer.name, last, events));
  }
  const double count = static_cast<double>(events);
  peer.rates.push_back(1e3 * count / Milliseconds(end - begin).count());
  peer.cpu.push_back(1e3 * peer.samples.back().cpu / count);
}

// In each round, against the same round's.
Spread ratios(const std::vector<double>& ours, const std::vector<double>& theirs) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    ratios.push_back(ours[i] / theirs[i]);
  }
  return spread(ratios);
}

void throughput(bool quick) {
  const std::size_t rounds = quick ? 3 : 7;
  const std::size_t events = quick ? 50'000 : 100'000;
  Ohip ohip;
  ohip.add(events);
  const std::string count = std::to_string(events);
  std::vector<Peer> peers = {
      {"ohip-stream, transactions", {OHIP_STREAM_PROGRAM, "--drain"}, {}},
      {"ohip-stream, oci-streaming",
       {OHIP_STREAM_PROGRAM, "--drain"},
       {{"KAFKA_PROFILE", "oci-streaming"}}},
      {"floor: libcurl, wslay and librdkafka, no care", {STREAM_FLOOR, count}, {}},
      {"Node job: graphql-ws and kafkajs", {NODE_PROGRAM, node_job(), count}, {}},
  };
  for (std::size_t round = 0; round < rounds; ++round) {
    for (Peer& peer : peers) {
      run_once(ohip, events, peer);
    }
  }
  print_title(
      fmt::format("{} events of {} B, {} runs in turn: events a second", events, kSize, rounds));
  for (const Peer& peer : peers) {
    print_row(peer.name, spread(peer.rates));
  }
  print_row("transactions / floor", ratios(peers[0].rates, peers[2].rates), at_least(0.8));
  print_row("oci-streaming / floor", ratios(peers[1].rates, peers[2].rates), at_least(0.9));
  print_title("CPU, microseconds an event");
  for (const Peer& peer : peers) {
    print_row(peer.name, spread(peer.cpu));
  }
  print_row("transactions / Node job", ratios(peers[0].cpu, peers[3].cpu), at_most(0.2));
  print_row("oci-streaming / Node job", ratios(peers[1].cpu, peers[3].cpu), at_most(0.2));
  print_title("peak memory MiB");
  for (const Peer& peer : peers) {
    const bool ours = &peer == &peers[0] || &peer == &peers[1];
    print_row(peer.name, spread(peer.samples, &Sample::memory),
              ours ? std::optional(at_most(32)) : std::nullopt);
  }
}

// --- a program beside the bench

class Run {
 public:
  Run(const std::vector<std::string>& options, const Environment& environment)
      : process_(command(options), environment, directory_ / "out", directory_ / "err") {}

  void stop() { process_.signal(SIGTERM); }
  int wait() { return process_.wait(); }
  // MiB at most, so far; 0: it has ended.
  double peak() const {
    std::ifstream status(fmt::format("/proc/{}/status", process_.pid()));
    for (std::string word; status >> word;) {
      if (double kib = 0; word == "VmHWM:" && status >> kib) {
        return kib / 1024;
      }
    }
    return 0;
  }

 private:
  static std::vector<std::string> command(const std::vector<std::string>& options) {
    std::vector<std::string> command = {OHIP_STREAM_PROGRAM};
    command.insert(command.end(), options.begin(), options.end());
    return command;
  }

  test::TemporaryDirectory directory_;
  test::Process process_;
};

// --- memory while Kafka takes nothing

void stall(bool quick) {
  const std::size_t events = quick ? 100'000 : 1'000'000;
  const auto pause = quick ? 10s : 60s;
  Ohip ohip;
  ohip.add(events);
  Run run({"--run-for", "10m"}, ohip.environment(test::broker().new_topic("ohip.bench", 4)));
  wait_until([&] { return ohip.stats().sent >= 10'000; });
  test::broker().pause();
  double peak = 0;
  const auto watch = [&](std::chrono::seconds time) {
    for (const auto end = Clock::now() + time; Clock::now() < end;) {
      peak = std::max(peak, run.peak());
      std::this_thread::sleep_for(20ms);
    }
  };
  watch(pause);
  test::broker().resume();
  watch(10s);
  run.stop();
  run.wait();
  print_title(fmt::format("{} events wait, Kafka stands still for {} s", events, pause.count()));
  print_row("peak memory MiB", peak, at_most(32));
}

// --- delay

void stream_delay(bool quick) {
  const std::size_t count = quick ? 1'000 : 6'000;
  Ohip ohip;
  const std::string topic = test::broker().new_topic("ohip.bench", kPartitions);
  const Consumer consumer(topic);
  Run run({"--run-for", "10m"}, ohip.environment(topic));
  ohip.emit();
  wait_until([&] { return !consumer.next(100ms).empty(); });
  std::map<std::string, Clock::time_point> emitted;
  std::vector<double> delays;
  const auto look = [&](std::chrono::milliseconds patience) {
    const std::string offset = consumer.next(patience);
    if (!offset.empty()) {
      delays.push_back(Milliseconds(Clock::now() - emitted.at(offset)).count());
    }
    return !offset.empty();
  };
  auto next = Clock::now();
  for (std::size_t i = 0; i < count; ++i) {
    emitted[ohip.emit()] = Clock::now();
    next += 10ms;
    while (Clock::now() < next) {
      look(1ms);
    }
  }
  wait_until([&] { return look(100ms), delays.size() == count; });
  run.stop();
  run.wait();
  std::sort(delays.begin(), delays.end());
  print_title("from OHIP's emit to a consumer of committed records, 100 events a second: ms");
  print_row("median", delays[delays.size() / 2], at_most(300));
  print_row("99th percentile", delays[delays.size() * 99 / 100], at_most(600));
  print_row("longest", delays.back());
}

// --- from one run to the next

void hole(bool quick) {
  const std::size_t turns = quick ? 1 : 5;
  Ohip ohip(true);
  ohip.add(100);
  const Environment environment =
      ohip.environment(test::broker().new_topic("ohip.bench", kPartitions));
  std::vector<double> holes;
  Clock::time_point ended{};
  for (std::size_t i = 0; i <= turns; ++i) {
    Run run({"--run-for", i == 0 ? "7s" : "20s"}, environment);
    wait_until([&] { return ohip.stats().active; });
    if (i > 0) {
      holes.push_back(Milliseconds(Clock::now() - ended).count() / 1e3);
    }
    wait_until([&] { return !ohip.stats().active; });
    ended = Clock::now();
    if (run.wait() != 0) {
      throw std::runtime_error("a run of 'hole' failed");
    }
  }
  print_title("from the end of a run's subscription to the next run's: s");
  print_row("of which OHIP asks for 10", spread(holes), at_most(11));
  print_row("refused as a second consumer", static_cast<double>(ohip.stats().refused), at_most(0));
}

}  // namespace

void stream(bool quick) {
  throughput(quick);
  stream_delay(quick);
  hole(quick);
  stall(quick);
}

}  // namespace ohip::bench
