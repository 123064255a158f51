// Kafka fails: before the poll, between poll and produce, for a while or for good.

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <functional>
#include <optional>

#include "faults/classes.h"

namespace ohip::faults {
namespace {

constexpr std::size_t kMany = 1'000;  // more requests than a run sends

// What breaks and how it is mended. Where breaks is when: the poll is answered only afterwards.
struct Failure {
  std::string what;
  std::function<void(MockKafka&)> breaks;
  std::function<void(MockKafka&)> mends;
  int status;
  test::Environment properties{};
  std::optional<int> newer{};  // the status with a newer librdkafka
};

void nothing(MockKafka& /*kafka*/) {}

auto leader(int broker) {
  return [broker](MockKafka& kafka) {
    rd_kafka_mock_partition_set_leader(kafka.get(), kTopic, 0, broker);
  };
}

auto topic_error(rd_kafka_resp_err_t code) {
  return [code](MockKafka& kafka) { rd_kafka_mock_topic_set_error(kafka.get(), kTopic, code); };
}

auto round_trip(int milliseconds) {
  return [=](MockKafka& kafka) { rd_kafka_mock_broker_set_rtt(kafka.get(), 1, milliseconds); };
}

auto answers(int api, rd_kafka_resp_err_t code, std::size_t count) {
  return
      [=](MockKafka& kafka) { kafka.answer(api, std::vector<rd_kafka_resp_err_t>(count, code)); };
}

auto answers_no_more(int api) {
  return [api](MockKafka& kafka) {
    rd_kafka_mock_clear_request_errors(kafka.get(), static_cast<std::int16_t>(api));
  };
}

void down(MockKafka& kafka) {
  rd_kafka_mock_broker_set_down(kafka.get(), 1);
}

void up(MockKafka& kafka) {
  rd_kafka_mock_broker_set_up(kafka.get(), 1);
}

Failure produce(const std::string& what, rd_kafka_resp_err_t code, int status,
                std::size_t count = kMany) {
  return {what, answers(MockKafka::kProduce, code, count), answers_no_more(MockKafka::kProduce),
          status};
}

// By librdkafka 2.4 and later.
Failure tried_again(Failure failure) {
  failure.newer = 75;
  return failure;
}

// Before the run: nothing may be taken.
const std::vector<Failure> kBefore = {
    {"broker down", down, up, 69},
    {"nobody listens", nothing, nothing, 69, {{"KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1"}}},
    {"a partition without a leader", leader(-1), leader(1), 69},
    {"topic unknown", topic_error(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART),
     topic_error(RD_KAFKA_RESP_ERR_NO_ERROR), 78},
    {"no right to see the topic", topic_error(RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED),
     topic_error(RD_KAFKA_RESP_ERR_NO_ERROR), 77},
    {"no right to write",
     answers(MockKafka::kInitProducerId, RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, kMany),
     answers_no_more(MockKafka::kInitProducerId), 77},
    {"every answer later than the deadline", round_trip(20'000), round_trip(0), 69},
};

// While OHIP answers: what was taken waits in the spool, or arrives all the same.
const std::vector<Failure> kAfterwards = {
    {"broker down", down, up, 75},
    {"leader lost", leader(-1), leader(1), 75},
    {"ack later than the deadline", round_trip(20'000), round_trip(0), 75},
    {"slow", round_trip(300), round_trip(0), 0},
    produce("connection closed at each produce", RD_KAFKA_RESP_ERR__TRANSPORT, 75),
    produce("connection closed once", RD_KAFKA_RESP_ERR__TRANSPORT, 0, 1),
    produce("no leader, twice", RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, 0, 2),
    produce("no leader, for good", RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, 75),
    produce("too few replicas, twice", RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, 0, 2),
    produce("too few replicas, for good", RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, 75),
    produce("too few replicas after append", RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND,
            75),
    produce("request timed out", RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, 75),
    produce("storage error", RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR, 75),
    tried_again(produce("corrupt message, each", RD_KAFKA_RESP_ERR_INVALID_MSG, 78)),
    produce("batch too large, once", RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, 0, 1),
    produce("record too large, each", RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, 78),
    produce("record invalid, each", RD_KAFKA_RESP_ERR_INVALID_RECORD, 78),
    produce("the clocks differ", RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP, 78),
    produce("right to write taken away", RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, 77),
    produce("topic gone", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, 75),
    produce("fatal: fenced", RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, 75),
    produce("fatal: out of order", RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, 75),
    produce("producer unknown", RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID, 75),
    produce("an error nobody knows", RD_KAFKA_RESP_ERR_UNKNOWN, 75),
    produce("the same once: the next batch does not overtake", RD_KAFKA_RESP_ERR_UNKNOWN, 75, 1),
};

// The deadline, the grace for what was taken, and what a busy machine needs.
constexpr std::chrono::seconds kLongest(3 + 5 + 4);

// The status of a run that may have to wait for Kafka.
int run_in_time(
    Case& one, const std::string& mode, const std::function<void()>& meanwhile = [] {}) {
  const auto begin = std::chrono::steady_clock::now();
  const auto process = one.start({mode});
  meanwhile();
  const int status = process->wait();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  one.expect(took < kLongest, fmt::format("it ends {} s after its begin", took.count()));
  return status;
}

void set_properties(Case& one, const Failure& failure) {
  one.environment["OHIP_DEADLINE"] = "3s";
  for (const auto& [name, value] : failure.properties) {
    one.environment[name] = value;
  }
}

void mend(Case& one, const Failure& failure) {
  failure.mends(one.stage.kafka);
  one.environment["KAFKA_BOOTSTRAP_SERVERS"] = one.stage.kafka.bootstrap();
  one.environment["OHIP_DEADLINE"] = "30s";
}

void fail_before(Row& row, const Failure& failure) {
  Stage stage;
  Case one(stage, row, "before: " + failure.what);
  stage.ohip.enqueue(kHotel, 20);
  set_properties(one, failure);
  failure.breaks(stage.kafka);
  const int status = run_in_time(one, "--once");
  mend(one, failure);
  one.observe({status, {}, one.said()});
  one.expect(status == failure.status, fmt::format("exit {}", failure.status));
  one.expect(one.polls() == 0, "nothing is taken that could not be delivered");
  one.settle({0});
}

void fail_afterwards(Row& row, const Failure& failure) {
  Stage stage;
  Case one(stage, row, "afterwards: " + failure.what);
  one.duplicates_allowed = failure.status == 0;  // the simulation does not tell repeated requests
  stage.ohip.inject(sim::parse_fault("kind=delay&ms=300"));
  stage.ohip.enqueue(kHotel, 80);
  set_properties(one, failure);
  const int status = run_in_time(one, "--drain", [&] {
    while (one.polls() == 0) {
      usleep(1'000);
    }
    failure.breaks(stage.kafka);
  });
  mend(one, failure);
  one.observe({status, {}, one.said()});
  one.expect(status == failure.status || status == failure.newer,
             fmt::format("exit {}, not {}", failure.status, status));
  one.expect(status != 75 || (one.polls() <= 2 && one.spooled().size() == one.polls()),
             "the batch and what was taken meanwhile stay, nothing more is taken");
  one.settle({0});
}

// A record that Kafka would never take must not keep the others.
void refuse_one(Row& row) {
  Stage stage;
  Case one(stage, row, "one of twenty is too large");
  stage.ohip.enqueue(kHotel, 19);
  stage.ohip.enqueue_event(kHotel, R"({"businessEvent":{"x":")" + std::string(9'000, 'x') +
                                       R"("},"businessEventId":{"id":"large"}})");
  one.environment["KAFKA_MESSAGE_MAX_BYTES"] = "8000";
  const test::Result result = one.run();
  one.expect(result.status == 65 && one.arrived().size() == 19, "the other 19 arrive: exit 65");
  one.settle({0});
}

// The simulation as a process, stopped like a machine that hangs.
void hang(Row& row, bool before) {
  Stage stage;
  Case one(stage, row, before ? "a broker that hangs before" : "a broker that hangs afterwards");
  test::Server broker({KAFKA_SIM_PROGRAM, "--topic", fmt::format("{}:1", kTopic)},
                      one.directory.path());
  stage.ohip.inject(sim::parse_fault("kind=delay&ms=300"));
  stage.ohip.enqueue(kHotel, 20);
  set_properties(one, {"", nothing, nothing, 0, {{"KAFKA_BOOTSTRAP_SERVERS", broker.where()}}});
  if (before) {
    broker.process().signal(SIGSTOP);
  }
  const int status = run_in_time(one, "--once", [&] {
    while (!before && one.polls() == 0) {
      usleep(1'000);
    }
    broker.process().signal(SIGSTOP);
  });
  mend(one, {"", nothing, nothing, 0});
  one.observe({status, {}, one.said()});
  one.expect(status == (before ? 69 : 75), before ? "exit 69" : "exit 75");
  one.expect(one.polls() == (before ? 0 : 1), "nothing more is taken");
  one.settle({0});
}

// Neither disk nor Kafka: the one loss that nothing can prevent is told.
void storage_too(Row& row) {
  Stage stage;
  Case one(stage, row, "the storage and Kafka fail after the answer");
  one.environment["OHIP_DEADLINE"] = "3s";
  stage.ohip.enqueue(kHotel, 20);
  stage.kafka.answer(MockKafka::kProduce, std::vector<rd_kafka_resp_err_t>(
                                              kMany, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS));
  const test::Result result =
      one.run({"--once"}, {STRACE, "-qq", "-o", "/dev/null", "--inject=ftruncate:error=EIO"});
  one.expect(result.status == 76 && contains(result.err, "up to 20 events"), "exit 76, the bound");
  answers_no_more(MockKafka::kProduce)(stage.kafka);
  one.settle({0, 76});
  one.expect(one.arrived().size() == 20, "what was on the disk all the same is saved");
}

}  // namespace

void kafka(Row& row, std::size_t /*stride*/) {
  for (const Failure& failure : kBefore) {
    fail_before(row, failure);
  }
  for (const Failure& failure : kAfterwards) {
    fail_afterwards(row, failure);
  }
  refuse_one(row);
  hang(row, true);
  hang(row, false);
  storage_too(row);
}

}  // namespace ohip::faults
