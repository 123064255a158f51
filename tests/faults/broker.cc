// A broker that says what no broker should: before anything is taken, or when records are on their
// way. What it stores, it stores in the mock cluster behind it.

#include <arpa/inet.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <random>

#include "faults/classes.h"
#include "support/scripted_broker.h"

namespace ohip::faults {
namespace {

using wire::Request;

constexpr std::size_t kEvents = 20;
constexpr const char* kHost = "127.0.0.1";
constexpr const char* kDeadline = "2s";
constexpr const char* kProbe = "ohip-poll asks whether it may write";
// The deadline, the time a cluster's silence takes to be told, and what a busy machine needs.
constexpr std::chrono::seconds kLongest(2 + 10 + 28);

const std::map<int, int> kVersions = {{wire::kProduce, 7},        {wire::kFetch, 11},
                                      {wire::kListOffsets, 1},    {wire::kMetadata, 2},
                                      {wire::kSaslHandshake, 1},  {wire::kApiVersions, 0},
                                      {wire::kInitProducerId, 0}, {wire::kSaslAuthenticate, 0}};

enum Code : int {
  kNotLeader = 6,
  kInvalidTimestamp = 32,
  kUnsupportedVersion = 35,
  kFromTheFuture = 32'000,
};

class Broker {
 public:
  // The bytes to send; nothing: the connection is closed.
  using Bytes = std::optional<std::string>;
  using Script = std::function<Bytes(const Broker&, const Request&)>;

  // mock: where a broker listens that stores what it is sent.
  Broker(std::string mock, Script script) : mock_(std::move(mock)), script_(std::move(script)) {}

  std::string address() const { return broker_.address(); }
  int port() const { return broker_.port(); }
  int requests(int api) const { return broker_.requests(api); }

  // What an honest broker answers that is alone; it lets everybody in.
  std::string honest(const Request& request) const {
    switch (request.api()) {
      case wire::kApiVersions:
        return request.answer(wire::versions(request.version(), kVersions));
      case wire::kSaslHandshake:
        return request.answer(wire::int16(0) + wire::array({wire::text("PLAIN")}));
      case wire::kSaslAuthenticate:
        return request.answer(wire::int16(0) + wire::int16(-1) + wire::int32(0));
      case wire::kMetadata:
        return request.answer(wire::metadata({{1, kHost, port()}}, {{kTopic, {{0, 1}}}}));
      default:
        return ask_mock(request);
    }
  }

 private:
  static std::string receive(int connection, std::size_t size) {
    std::string bytes(size, '\0');
    const ssize_t got = ::recv(connection, bytes.data(), size, MSG_WAITALL);
    bytes.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    return bytes;
  }

  std::string ask_mock(const Request& request) const {
    const int connection = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port =
        htons(static_cast<std::uint16_t>(std::stoi(mock_.substr(mock_.rfind(':') + 1))));
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the sockets API
    ::connect(connection, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    const std::string framed = wire::framed(request.bytes);
    ::send(connection, framed.data(), framed.size(), MSG_NOSIGNAL);
    const std::string size = receive(connection, 4);
    const std::string answer = size.size() < 4 ? "" : receive(connection, wire::size_at(size));
    ::close(connection);
    return answer.empty() ? request.answer("") : size + answer;  // it may hang up on nonsense
  }

  const std::string mock_;
  const Script script_;
  ScriptedBroker broker_{ScriptedBroker::RawScript(
      [this](const Request& request) { return script_(*this, request); })};
};

using Bytes = Broker::Bytes;
using Script = Broker::Script;

Bytes honest(const Broker& broker, const Request& request) {
  return broker.honest(request);
}

Bytes silent(const Broker& /*broker*/, const Request& /*request*/) {
  return "";
}

Bytes hangs_up(const Broker& /*broker*/, const Request& /*request*/) {
  return std::nullopt;
}

Script says(const std::string& bytes) {
  return [=](const Broker&, const Request&) { return bytes; };
}

// Honest in all the rest.
Script to(int api, const Script& script) {
  return [=](const Broker& broker, const Request& request) {
    return request.api() == api ? script(broker, request) : honest(broker, request);
  };
}

Script body(const std::string& text) {
  return [=](const Broker&, const Request& request) { return request.answer(text); };
}

// What a broker says of the cluster, which has other brokers, too.
Script cluster(const std::vector<wire::Topic>& topics, const std::vector<wire::Node>& others = {}) {
  return to(wire::kMetadata, [=](const Broker& broker, const Request& request) {
    std::vector<wire::Node> nodes = {{1, kHost, broker.port()}};
    nodes.insert(nodes.end(), others.begin(), others.end());
    return request.answer(wire::metadata(nodes, topics));
  });
}

Script led_by(const std::string& host, int port) {
  return cluster({{kTopic, {{0, 2}}}}, {{2, host, port}});
}

// The topic's own trouble, in an answer that is right otherwise.
Script topic_error(int code) {
  return to(wire::kMetadata, [=](const Broker& broker, const Request& request) {
    std::string bytes = broker.honest(request);
    const std::string name = wire::text(kTopic);
    return bytes.replace(bytes.find(name) - 2, 2, wire::int16(code));
  });
}

// Nothing is stored.
std::string refused(int code) {
  return wire::array({wire::text(kTopic) +
                      wire::array({wire::int32(0) + wire::int16(code) + wire::int64(-1) +
                                   wire::int64(-1) + wire::int64(-1)})}) +
         wire::int32(0);
}

// Stores what it is sent, and answers so.
Script stores(const Script& answers) {
  return to(wire::kProduce, [=](const Broker& broker, const Request& request) {
    static_cast<void>(broker.honest(request));
    return answers(broker, request);
  });
}

// Every second request is stored and never acknowledged.
Script acknowledges_sometimes() {
  return to(wire::kProduce, [](const Broker& broker, const Request& request) -> Bytes {
    const std::string answer = broker.honest(request);
    return broker.requests(wire::kProduce) % 2 == 0 ? Bytes(answer) : std::nullopt;
  });
}

// An answer to this whose body ends there, though it is as long as it says.
Script cut(int api, std::size_t at) {
  return to(api, [=](const Broker& broker, const Request& request) {
    constexpr std::size_t kHead = 8;  // length and correlation id
    const std::string right = broker.honest(request).substr(kHead);
    return request.answer(right.substr(0, at));
  });
}

// Ends each connection behind so many bytes.
class EndsBehind {
 public:
  explicit EndsBehind(std::size_t bytes) : bytes_(bytes) {}

  Bytes operator()(const Broker& broker, const Request& request) {
    const std::string right = broker.honest(request);
    const std::lock_guard lock(*mutex_);
    std::size_t& sent = (*sent_)[request.connection];
    const std::size_t room = bytes_ - sent;
    if (room == 0) {
      return std::nullopt;
    }
    sent += std::min(room, right.size());
    return right.substr(0, room);
  }

 private:
  std::size_t bytes_;
  std::shared_ptr<std::mutex> mutex_ = std::make_shared<std::mutex>();
  std::shared_ptr<std::map<int, std::size_t>> sent_ =
      std::make_shared<std::map<int, std::size_t>>();
};

// One bit of every third answer or so is wrong, though not its length, nor the host that it names:
// nobody else is to be asked.
Script damages(unsigned seed) {
  return [seed, count = std::make_shared<std::atomic<unsigned>>(0)](const Broker& broker,
                                                                    const Request& request) {
    std::string bytes = broker.honest(request);
    std::mt19937 random(seed * 1'000 + ++*count);
    if (random() % 3 == 0) {
      std::size_t at = 4 + random() % (bytes.size() - 4);
      const std::size_t host = bytes.find(kHost);
      if (host != std::string::npos && at + 2 >= host && at < host + std::string(kHost).size()) {
        at = host - 3;
      }
      bytes[at] = static_cast<char>(static_cast<unsigned char>(bytes[at]) ^ (1U << random() % 8));
    }
    return Bytes(bytes);
  };
}

struct Odd {
  std::string what;
  Script script;
  std::set<int> statuses;
  std::string told;  // a part of what is said
  test::Environment environment = {};
};

// A broker that wants a password.
const test::Environment kPassword = {{"KAFKA_SECURITY_PROTOCOL", "SASL_PLAINTEXT"},
                                     {"KAFKA_SASL_MECHANISM", "PLAIN"},
                                     {"KAFKA_SASL_USERNAME", "u"},
                                     {"KAFKA_SASL_PASSWORD", "hunter2hunter2"}};

// Nothing may be taken.
std::vector<Odd> before() {
  // Of what librdkafka makes a guess at: it wants TLS, it is no Kafka, it is an old one, or it does
  // not answer.
  const std::set<int> guess = {69, 78};
  const std::string garbage = "220 mail.example ESMTP\r\n" + std::string(200, '\xff');
  const auto refuses = [](const std::string& text) {
    return to(wire::kSaslAuthenticate, body(wire::int16(58) + wire::text(text) + wire::int32(0)));
  };
  return {
      {"metadata without topics", cluster({}), {69}, "does not speak of it"},
      {"another topic's metadata", cluster({{"another", {{0, 1}}}}), {69}, "does not speak of it"},
      {"a topic without partitions", cluster({{kTopic, {}}}), {69}, "no partition"},
      {"a leader that nobody knows", cluster({{kTopic, {{0, 77}}}}), {69}, "broker 77"},
      {"a leader whose name does not resolve",
       led_by("kafka-2.invalid", 9092),
       {69},
       "kafka-2.invalid:9092"},
      {"a leader without a name", led_by("", 9092), {69}, ""},
      {"a leader at a port that refuses", led_by(kHost, 1), {69}, "127.0.0.1:1"},
      {"a leader at no port", led_by(kHost, -1), {69}, ""},
      {"a topic in a trouble that nobody knows", topic_error(kFromTheFuture), {69}, "topic events"},
      {"metadata of two milliards of topics",
       to(wire::kMetadata, body(wire::array({}) + wire::text("cluster") + wire::int32(1) +
                                wire::int32(std::numeric_limits<std::int32_t>::max()))),
       {69},
       ""},
      {"silence", silent, {69}, "Kafka: "},
      {"hangs up", hangs_up, guess, ""},
      {"what is no Kafka", says(garbage), guess, "Kafka: "},
      {"a frame of 2 GB", says(wire::int32(std::numeric_limits<std::int32_t>::max())), guess,
       "Kafka: "},
      {"a frame of -1 bytes", says(wire::int32(-1)), guess, "Kafka: "},
      {"a frame of 90 MB that never comes", says(wire::int32(90'000'000)), {69}, ""},
      {"an empty frame", says(wire::int32(0)), guess, ""},
      {"an answer to another question",
       says(wire::framed(wire::int32(123'456) + wire::int16(0) + wire::int32(0))),
       {69},
       ""},
      {"no version of anything",
       to(wire::kApiVersions, body(wire::int16(kUnsupportedVersion) + wire::array({}))), guess, ""},
      {"hangs up when asked for its versions", to(wire::kApiVersions, hangs_up), guess, ""},
      {"a refusal with control characters",
       refuses("<0>\x1b[31mno\r\n\xff hunter2hunter2"),
       {77},
       "\\x1b[31mno",
       kPassword},
      {"a refusal of 30,000 bytes", refuses(std::string(30'000, 'x')), {77}, "xxx", kPassword},
  };
}

// The poll is under way, or what was taken is; 75 and 78: it waits in the spool.
std::vector<Odd> afterwards() {
  const auto answers = [](int code) { return to(wire::kProduce, body(refused(code))); };
  return {
      {"stores and acknowledges every second time", acknowledges_sometimes(), {0}, ""},
      {"stores and never acknowledges", stores(silent), {75}, "not acknowledged"},
      {"stores and hangs up", stores(hangs_up), {75}, ""},
      {"stores and answers nothing", stores(body("")), {75}, ""},
      {"stores and answers half", cut(wire::kProduce, 20), {75}, ""},
      {"stores and speaks of two milliards of topics",
       stores(body(wire::int32(std::numeric_limits<std::int32_t>::max()))),
       {75},
       ""},
      {"the clocks differ", answers(kInvalidTimestamp), {78}, "the clocks differ"},
      {"an error that nobody knows", answers(kFromTheFuture), {75}, ""},
      {"an error below all", answers(std::numeric_limits<std::int16_t>::min()), {75}, ""},
  };
}

// One line, or a few, without a byte that a terminal obeys, and without the password.
void expect_plain(Case& one, const std::string& said) {
  const bool plain = std::all_of(said.begin(), said.end(), [](char c) {
    return c == '\n' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
  });
  one.expect(plain && said.size() < 2'000, "what is told is short and plain");
  one.expect(!contains(said, "hunter2"), "the password is not shown");
}

// One run before that broker; the next ones find the mock cluster.
test::Result run_before(Case& one, const Broker& broker, const test::Environment& environment) {
  for (const auto& [name, value] : environment) {
    one.environment[name] = value;
  }
  one.environment["KAFKA_BOOTSTRAP_SERVERS"] = broker.address();
  one.environment["OHIP_DEADLINE"] = kDeadline;
  const auto begin = std::chrono::steady_clock::now();
  test::Result result = one.run();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  one.expect(took < kLongest, fmt::format("it ends {} s after its begin", took.count()));
  expect_plain(one, result.err);
  for (const auto& [name, value] : environment) {
    one.environment.erase(name);
  }
  one.environment["KAFKA_BOOTSTRAP_SERVERS"] = one.stage.kafka.bootstrap();
  one.environment["OHIP_DEADLINE"] = "30s";
  return result;
}

void expect_told(Case& one, const test::Result& result, const std::set<int>& statuses,
                 const std::string& told) {
  one.expect(statuses.contains(result.status),
             fmt::format("exit {}, not {}: {}", statuses, result.status, result.err));
  one.expect(result.status == 0 || !result.err.empty(), "it is told");
  one.expect(contains(result.err, told), fmt::format("\"{}\" is told: {}", told, result.err));
}

// Whatever came of it, there are two states: nothing taken, or all that was taken in the spool.
void expect_nothing_lost(Case& one, const test::Result& result) {
  const std::size_t waiting = one.spooled().size();
  one.expect(result.status != 69 || one.polls() == 0, "nothing is taken that is not deliverable");
  one.expect(result.status != 75 || waiting == 1, "what was taken waits in the spool");
  one.expect(result.status != 0 || waiting == 0, "nothing waits in the spool");
}

void fail_before(Stage& stage, Row& row, const Odd& odd) {
  const Broker broker(stage.kafka.bootstrap(), odd.script);
  Case one(stage, row, "before: " + odd.what);
  one.enqueue(kEvents);
  const test::Result result = run_before(one, broker, odd.environment);
  expect_told(one, result, odd.statuses, odd.told);
  one.expect(one.polls() == 0, "nothing is taken that could not be delivered");
  one.expect(broker.requests(wire::kSaslAuthenticate) <= 1, "a password is offered once");
  one.settle({0});
}

// Once the mock has stored what the broker did not acknowledge, nothing comes twice, where
// librdkafka did not send it again by itself: the mock does not tell repeated requests.
void fail_afterwards(Stage& stage, Row& row, const Odd& odd) {
  const Broker broker(stage.kafka.bootstrap(), odd.script);
  Case one(stage, row, "afterwards: " + odd.what);
  one.enqueue(kEvents);
  const test::Result result = run_before(one, broker, odd.environment);
  one.duplicates_allowed = broker.requests(wire::kProduce) > 1;
  expect_told(one, result, odd.statuses, odd.told);
  one.expect(one.polls() == 1, "nothing more is taken");
  one.expect(odd.statuses.contains(0) || one.spooled().size() == 1,
             "what was taken waits in the spool");
  expect_nothing_lost(one, result);
  one.settle({0});
}

// Wherever that happens: each status is right with which nothing is lost.
void fail_anywhere(Stage& stage, Row& row, const std::string& what, const Script& script) {
  const Broker broker(stage.kafka.bootstrap(), script);
  Case one(stage, row, what);
  one.enqueue(kEvents);
  one.duplicates_allowed = true;
  const test::Result result = run_before(one, broker, {});
  expect_told(one, result, {0, 65, 69, 75, 77, 78}, "");
  expect_nothing_lost(one, result);
  one.settle({0});
}

// The leader refuses the records, for it is another one by now: one that can be reached, or not.
void leader_moves(Stage& stage, Row& row, bool reachable) {
  std::atomic<bool> moved = false;
  const Broker second(stage.kafka.bootstrap(), honest);
  const Broker first(
      stage.kafka.bootstrap(), [&](const Broker& broker, const Request& request) -> Bytes {
        if (request.api() == wire::kProduce) {
          moved = true;
          return request.answer(refused(kNotLeader));
        }
        if (request.api() != wire::kMetadata) {
          return broker.honest(request);
        }
        const int other = reachable ? second.port() : 1;
        return request.answer(wire::metadata({{1, kHost, broker.port()}, {2, kHost, other}},
                                             {{kTopic, {{0, moved ? 2 : 1}}}}));
      });
  Case one(stage, row, reachable ? "the leader moves" : "the leader moves out of reach");
  one.enqueue(kEvents);
  const test::Result result = run_before(one, first, {});
  expect_told(one, result, {reachable ? 0 : 75}, reachable ? "" : "Kafka");
  one.expect(one.arrived().size() == (reachable ? kEvents : 0), "they follow the leader");
  expect_nothing_lost(one, result);
  one.settle({0});
}

// A broker that does not look at acks stores the question who may write: told once, asked once.
void stores_the_question(Stage& stage, Row& row) {
  const Broker broker(stage.kafka.bootstrap(), honest);
  Case one(stage, row, "the broker stores the question who may write");
  for (const bool first : {true, false}) {
    one.enqueue(kEvents);
    const test::Result result = run_before(one, broker, kPassword);
    one.expect(result.status == 0, "exit 0");
    one.expect(contains(result.err, "stored the record") == first, "it is told once");
    const std::vector<std::string> all = one.arrived();
    one.expect(std::count(all.begin(), all.end(), kProbe) == 1, "it is asked once");
  }
  one.settle({0});
}

// They wait most of the time, for what does not come.
constexpr std::size_t kAtOnce = 6;

using Try = std::function<void(Stage&, Row&)>;

std::vector<Try> tries() {
  std::vector<Try> all;
  for (const Odd& odd : before()) {
    all.emplace_back([odd](Stage& stage, Row& row) { fail_before(stage, row, odd); });
  }
  for (const Odd& odd : afterwards()) {
    all.emplace_back([odd](Stage& stage, Row& row) { fail_afterwards(stage, row, odd); });
  }
  for (const bool reachable : {true, false}) {
    all.emplace_back([=](Stage& stage, Row& row) { leader_moves(stage, row, reachable); });
  }
  all.emplace_back(stores_the_question);
  constexpr std::size_t kMost = 300;  // bytes of a connection
  for (std::size_t bytes = 1; bytes < kMost; bytes += 12) {
    all.emplace_back([=](Stage& stage, Row& row) {
      fail_anywhere(stage, row, fmt::format("each connection ends behind {} bytes", bytes),
                    EndsBehind(bytes));
    });
  }
  for (const int api : {wire::kApiVersions, wire::kMetadata, wire::kListOffsets,
                        wire::kInitProducerId, wire::kProduce}) {
    for (const std::size_t at : {0U, 3U, 12U, 30U}) {
      all.emplace_back([=](Stage& stage, Row& row) {
        fail_anywhere(stage, row, fmt::format("an answer to {} cut at {}", api, at), cut(api, at));
      });
    }
  }
  constexpr unsigned kSeeds = 30;
  for (unsigned seed = 1; seed <= kSeeds; ++seed) {
    all.emplace_back([=](Stage& stage, Row& row) {
      fail_anywhere(stage, row, fmt::format("damaged answers, seed {}", seed), damages(seed));
    });
  }
  return all;
}

}  // namespace

void broker(Row& row, std::size_t stride) {
  const std::vector<Try> all = tries();
  std::vector<Job> jobs;
  for (std::size_t i = 0; i < all.size(); i += stride) {
    jobs.emplace_back([&one_try = all[i]](Row& one) {
      Stage stage;
      one_try(stage, one);
    });
  }
  side_by_side(row, jobs, kAtOnce);
}

}  // namespace ohip::faults
