// kafka-sim: librdkafka's mock cluster as a process, with faults on demand. Plaintext only; topics
// that nobody created come into being with 4 partitions when they are asked for. A consumer group's
// committed offset is kept with its metadata, but not in a transaction: see run().

#include <fmt/format.h>
#include <httplib.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cxxopts.hpp>
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "base/handle.h"

namespace {

using Client = ohip::Handle<rd_kafka_t, rd_kafka_destroy>;
using Cluster = ohip::Handle<rd_kafka_mock_cluster_t, rd_kafka_mock_cluster_destroy>;

constexpr int kInitProducerId = 22;
constexpr int kTxnOffsetCommit = 28;

const char* const kCommands =
    "Commands, one per line on standard input, or each as the body of a POST to --http-port:\n"
    "curl -d 'down 1' http://127.0.0.1:PORT. The response is a line, ok or error: why, once the\n"
    "command is in force, which can take a second:\n"
    "  leader TOPIC PARTITION BROKER   a new leader; -1: none\n"
    "  down BROKER | up BROKER         connections are closed and refused | accepted\n"
    "  rtt BROKER MS                   added to each of the broker's responses\n"
    "  error API CODE COUNT            the next COUNT requests fail, such as: error PRODUCE 29 3\n"
    "                                  (APIs: PRODUCE METADATA INIT_PRODUCER_ID or a number)\n"
    "  clear API                       no more such errors: what is left of the COUNTs\n"
    "  topic-error TOPIC CODE          the topic's error in Metadata; 3: unknown topic, 0: none\n";

const char* const kTransactions =
    "Not for transactions: the mock forgets a position in one, so kafka-sim refuses it. For\n"
    "ohip-stream: KAFKA_PROFILE=oci-streaming KAFKA_SECURITY_PROTOCOL=PLAINTEXT, which commits "
    "the\n"
    "position behind its records; the next run goes on from there.\n";

void check(rd_kafka_resp_err_t error) {
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    throw std::runtime_error(rd_kafka_err2str(error));
  }
}

// The words of one command.
class Words {
 public:
  explicit Words(const std::string& line) : line_(line) {}

  std::string text() { return next<std::string>(); }
  int number() { return next<int>(); }

 private:
  template <typename T>
  T next() {
    T value;
    if (!(line_ >> value)) {
      throw std::runtime_error("a word is missing or no number");
    }
    return value;
  }

  std::istringstream line_;
};

int api_key(const std::string& name) {
  static const std::map<std::string, int> keys = {
      {"PRODUCE", 0}, {"METADATA", 3}, {"INIT_PRODUCER_ID", kInitProducerId}};
  const auto found = keys.find(name);
  return found == keys.end() ? std::stoi(name) : found->second;
}

void push_errors(rd_kafka_mock_cluster_t* cluster, Words& words) {
  const auto key = static_cast<std::int16_t>(api_key(words.text()));
  const auto code = static_cast<rd_kafka_resp_err_t>(words.number());
  const std::vector<rd_kafka_resp_err_t> errors(static_cast<std::size_t>(words.number()), code);
  rd_kafka_mock_push_request_errors_array(cluster, key, errors.size(), errors.data());
}

// Throws what is wrong with it.
void execute(rd_kafka_mock_cluster_t* cluster, const std::string& line) {
  Words words(line);
  const std::string command = words.text();
  if (command == "leader") {
    const std::string topic = words.text();
    const int partition = words.number();
    check(rd_kafka_mock_partition_set_leader(cluster, topic.c_str(), partition, words.number()));
  } else if (command == "down") {
    check(rd_kafka_mock_broker_set_down(cluster, words.number()));
  } else if (command == "up") {
    check(rd_kafka_mock_broker_set_up(cluster, words.number()));
  } else if (command == "rtt") {
    const int broker = words.number();
    check(rd_kafka_mock_broker_set_rtt(cluster, broker, words.number()));
  } else if (command == "error") {
    push_errors(cluster, words);
  } else if (command == "clear") {
    rd_kafka_mock_clear_request_errors(cluster, static_cast<std::int16_t>(api_key(words.text())));
  } else if (command == "topic-error") {
    const std::string topic = words.text();
    rd_kafka_mock_topic_set_error(cluster, topic.c_str(),
                                  static_cast<rd_kafka_resp_err_t>(words.number()));
  } else {
    throw std::runtime_error("unknown command " + command);
  }
}

// What is said to it, by standard input and by HTTP: one command at a time.
class Commands {
 public:
  explicit Commands(rd_kafka_mock_cluster_t* cluster) : cluster_(cluster) {}

  std::string answer(const std::string& line) {
    const std::lock_guard lock(mutex_);
    try {
      execute(cluster_, line);
      return "ok";
    } catch (const std::exception& e) {
      return fmt::format("error: {}", e.what());
    }
  }

 private:
  rd_kafka_mock_cluster_t* cluster_;
  std::mutex mutex_;
};

// The same commands for who has no hand on standard input, as with "kafka-sim &".
class HttpPort {
 public:
  // 0: the system chooses. Throws where it cannot listen.
  HttpPort(int port, Commands& commands) {
    server_.Post("/", [&commands](const httplib::Request& request, httplib::Response& response) {
      const std::string answer = commands.answer(request.body);
      response.status = answer == "ok" ? 200 : 400;
      response.set_content(answer + "\n", "text/plain");
    });
    port_ = port == 0 ? server_.bind_to_any_port("127.0.0.1")
                      : (server_.bind_to_port("127.0.0.1", port) ? port : -1);
    if (port_ < 0) {
      throw std::runtime_error(fmt::format("port {} is not to be had", port));
    }
    thread_ = std::thread([this] { server_.listen_after_bind(); });
  }

  ~HttpPort() {
    server_.stop();
    thread_.join();
  }

  HttpPort(const HttpPort&) = delete;
  HttpPort& operator=(const HttpPort&) = delete;

  int port() const { return port_; }

 private:
  httplib::Server server_;
  int port_ = -1;
  std::thread thread_;
};

// False at the end of standard input; also in the background of a terminal, which is for others.
bool read_commands(Commands& commands, std::string& unread) {
  std::array<char, 4096> buffer{};
  const ssize_t size = read(STDIN_FILENO, buffer.data(), buffer.size());
  if (size <= 0) {
    return false;
  }
  unread.append(buffer.data(), static_cast<std::size_t>(size));
  for (std::size_t end = unread.find('\n'); end != std::string::npos; end = unread.find('\n')) {
    std::cout << commands.answer(unread.substr(0, end)) << std::endl;
    unread.erase(0, end + 1);
  }
  return true;
}

void serve(Commands& commands, int signals) {
  std::array<pollfd, 2> events = {pollfd{signals, POLLIN, 0}, pollfd{STDIN_FILENO, POLLIN, 0}};
  std::string unread;
  while (poll(events.data(), events.size(), -1) >= 0 && events[0].revents == 0) {
    if (events[1].revents != 0 && !read_commands(commands, unread)) {
      events[1].fd = -1;
    }
  }
}

void create_topic(rd_kafka_mock_cluster_t* cluster, const std::string& spec, int brokers) {
  const std::size_t colon = spec.rfind(':');
  if (colon == std::string::npos) {
    throw std::runtime_error(spec + ": a topic is NAME:PARTITIONS");
  }
  check(rd_kafka_mock_topic_create(cluster, spec.substr(0, colon).c_str(),
                                   std::stoi(spec.substr(colon + 1)), brokers < 3 ? brokers : 3));
}

// As every real broker does: without it an answer waits up to 40 ms for the client to acknowledge
// the one before. Accepted sockets have it from the one that listens.
void send_at_once() {
  const int yes = 1;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    const int fd = std::stoi(entry.path().filename());
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));  // fails for what is no socket
  }
}

cxxopts::Options make_parser() {
  cxxopts::Options parser("kafka-sim", "librdkafka's mock cluster on 127.0.0.1");
  // clang-format off
  parser.add_options()
      ("brokers", "How many", cxxopts::value<int>()->default_value("1"), "N")
      ("topic", "Create a topic (repeatable)", cxxopts::value<std::vector<std::string>>(), "NAME:PARTITIONS")
      ("http-port", "Take commands by HTTP, too; 0: the system's choice", cxxopts::value<int>(), "N")
      ("no-idempotence", "Brokers do not know InitProducerId")
      ("help", "");
  // clang-format on
  return parser;
}

void run(const cxxopts::ParseResult& given, int signals) {
  rd_kafka_conf_t* const conf = rd_kafka_conf_new();
  rd_kafka_conf_set_log_cb(conf, nullptr);  // it would complain that it knows no broker
  std::array<char, 512> reason{};
  const Client client(rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason.data(), reason.size()));
  if (!client) {
    throw std::runtime_error(reason.data());
  }
  const int brokers = given["brokers"].as<int>();
  const Cluster cluster(rd_kafka_mock_cluster_new(client.get(), brokers));
  if (!cluster) {
    throw std::runtime_error("no mock cluster");
  }
  // The mock acknowledges a position in a transaction and forgets it, and shows the records of a
  // transaction that was aborted: a stream that relied on either would be wrong without a word.
  check(rd_kafka_mock_set_apiversion(cluster.get(), kTxnOffsetCommit, -1, -1));
  if (given.count("no-idempotence") > 0) {
    check(rd_kafka_mock_set_apiversion(cluster.get(), kInitProducerId, -1, -1));
  }
  if (given.count("topic") > 0) {
    for (const std::string& topic : given["topic"].as<std::vector<std::string>>()) {
      create_topic(cluster.get(), topic, brokers);
    }
  }
  send_at_once();
  std::cout << "kafka-sim: listening on " << rd_kafka_mock_cluster_bootstraps(cluster.get())
            << std::endl;
  Commands commands(cluster.get());
  std::unique_ptr<HttpPort> http;
  if (given.count("http-port") > 0) {
    http = std::make_unique<HttpPort>(given["http-port"].as<int>(), commands);
    std::cout << "kafka-sim: commands at http://127.0.0.1:" << http->port() << std::endl;
  }
  serve(commands, signals);
}

}  // namespace

int main(int argc, char** argv) {
  sigset_t end;
  sigemptyset(&end);
  sigaddset(&end, SIGTERM);
  sigaddset(&end, SIGINT);
  sigprocmask(SIG_BLOCK, &end, nullptr);  // before the first thread: all of them inherit it
  std::signal(SIGTTIN, SIG_IGN);  // "kafka-sim &" in a terminal would stop at its first command
  try {
    cxxopts::Options parser = make_parser();
    const cxxopts::ParseResult given = parser.parse(argc, argv);
    if (!given.unmatched().empty()) {
      throw std::invalid_argument(given.unmatched().front() + " is no option");
    }
    if (given.count("help") > 0) {
      fmt::print("{}\n{}\n{}", parser.help(), kCommands, kTransactions);
      return 0;
    }
    run(given, signalfd(-1, &end, SFD_CLOEXEC));
    return 0;
  } catch (const std::exception& e) {
    fmt::print(stderr, "kafka-sim: error: {}\n", e.what());
    return 64;
  }
}
