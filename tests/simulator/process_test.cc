// The two simulators as users start them.

#include <fcntl.h>
#include <librdkafka/rdkafka.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/handle.h"
#include "kafka/plain_sink.h"
#include "kafka/transactional_sink.h"
#include "support/catch.h"
#include "support/simulator_client.h"
#include "support/temporary_directory.h"

namespace {

using ohip::test::CurlClient;
using ohip::test::TemporaryDirectory;
using Client = ohip::Handle<rd_kafka_t, rd_kafka_destroy>;
using Metadata = ohip::Handle<const rd_kafka_metadata_t, rd_kafka_metadata_destroy>;

// A program with its standard input and output in our hands; killed at the latest by the
// destructor.
class Process {
 public:
  explicit Process(std::vector<std::string> words) {
    std::array<int, 2> in{}, out{};
    REQUIRE(pipe2(in.data(), O_CLOEXEC) == 0);
    REQUIRE(pipe2(out.data(), O_CLOEXEC) == 0);
    posix_spawn_file_actions_t actions{};
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    std::vector<char*> argv;
    argv.reserve(words.size() + 1);
    for (std::string& word : words) {
      argv.push_back(word.data());
    }
    argv.push_back(nullptr);
    REQUIRE(posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ) == 0);
    posix_spawn_file_actions_destroy(&actions);
    close(in[0]);
    close(out[1]);
    input_ = in[1];
    output_ = out[0];
  }

  ~Process() {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
    close_input();
    close(output_);
  }

  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  // Without its newline; empty at the end of output.
  std::string read_line() const {
    std::string line;
    for (char c = 0; read(output_, &c, 1) == 1 && c != '\n';) {
      line += c;
    }
    return line;
  }

  std::string command(const std::string& line) const {
    REQUIRE(write(input_, (line + "\n").data(), line.size() + 1) ==
            static_cast<ssize_t>(line.size() + 1));
    return read_line();
  }

  void close_input() {
    if (input_ >= 0) {
      close(std::exchange(input_, -1));
    }
  }

  int stop(int signal) {
    kill(pid_, signal);
    return wait();
  }

  int wait() {
    int status = 0;
    waitpid(std::exchange(pid_, -1), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  pid_t pid_ = -1;
  int input_ = -1;
  int output_ = -1;
};

std::string after_last_space(const std::string& line) {
  return line.substr(line.rfind(' ') + 1);
}

std::string content(const std::filesystem::path& path) {
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// A topic as the brokers describe it.
struct Topic {
  rd_kafka_resp_err_t error;
  std::vector<int> leaders;
};

Topic describe(const std::string& brokers, const char* name) {
  rd_kafka_conf_t* const conf = rd_kafka_conf_new();
  rd_kafka_conf_set(conf, "bootstrap.servers", brokers.c_str(), nullptr, 0);
  const Client client(rd_kafka_new(RD_KAFKA_PRODUCER, conf, nullptr, 0));
  const ohip::Handle<rd_kafka_topic_t, rd_kafka_topic_destroy> topic(
      rd_kafka_topic_new(client.get(), name, nullptr));
  const rd_kafka_metadata_t* raw = nullptr;
  REQUIRE(rd_kafka_metadata(client.get(), 0, topic.get(), &raw, 30'000) ==
          RD_KAFKA_RESP_ERR_NO_ERROR);
  const Metadata metadata(raw);
  const rd_kafka_metadata_topic_t& found = metadata->topics[0];
  Topic result{found.err, {}};
  for (int i = 0; i < found.partition_cnt; ++i) {
    result.leaders.push_back(found.partitions[i].leader);
  }
  return result;
}

}  // namespace

TEST_CASE("ohip-sim says where it listens, serves, and exits with 0 when told to stop") {
  Process process({OHIP_SIM, "--events", "7", "--hotel", "ABC,DEF"});
  const std::string line = process.read_line();
  CHECK(line.rfind("ohip-sim: listening on http://127.0.0.1:", 0) == 0);
  CurlClient client;
  const std::string stats = client.send("GET", after_last_space(line) + "/sim/stats", {}).body;
  CHECK(stats.find(R"("ABC":{"polls":0,"handedOut":0,"outstanding":7})") != std::string::npos);
  CHECK(stats.find(R"("DEF":)") != std::string::npos);
  CHECK(process.stop(GENERATE(SIGTERM, SIGINT)) == 0);
}

TEST_CASE("ohip-sim writes a configuration for both programs that its owner alone can read") {
  const TemporaryDirectory dir;
  const std::filesystem::path env = dir / "env";
  const std::filesystem::path ca = dir / "ca.pem";
  std::ofstream(env) << "old";
  chmod(env.c_str(), 0644);
  Process process({OHIP_SIM, "--tls", "--ca-file", ca, "--env-file", env, "--client-id", "me"});
  const std::string url = after_last_space(process.read_line());
  const std::string text = content(env);
  CHECK(text.find("OHIP_GATEWAY_URL=" + url + "\n") == 0);
  CHECK(text.find("\nOHIP_CLIENT_ID=me\n") != std::string::npos);
  CHECK(text.find("\nOHIP_CHAIN=DEMO\n") != std::string::npos);
  CHECK(text.find("\nOHIP_CA_FILE=" + ca.string() + "\n") != std::string::npos);
  struct stat info {};
  REQUIRE(stat(env.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
  CurlClient client;
  client.ca_file = ca;
  CHECK(client.send("GET", url + "/sim/stats", {}).status == 200);
}

TEST_CASE("ohip-sim streams what it was told to from the start") {
  Process process({OHIP_SIM, "--events", "2", "--hotel", "ABC,DEF", "--stream-chain", "C",
                   "--stream-events", "3", "--event-size", "2000"});
  const std::string url = after_last_space(process.read_line());
  CurlClient client;
  const std::string held = client.send("GET", url + "/sim/held?chain=C", {}).body;
  CHECK(std::count(held.begin(), held.end(), '\n') == 7);
  CHECK(held.find(R"("hotelId":"DEF")") != std::string::npos);
  CHECK(held.substr(0, held.size() - 1).size() - held.rfind('\n', held.size() - 2) == 2001);
}

TEST_CASE("ohip-sim takes faults from its command line") {
  Process process({OHIP_SIM, "--fault", "kind=status&status=418&on=token"});
  const std::string url = after_last_space(process.read_line());
  CurlClient client;
  CHECK(client.send("POST", url + "/oauth/v1/tokens", {}, "x").status == 418);
}

TEST_CASE("ohip-sim has a gateway's limits when told so") {
  const std::string limit = GENERATE("--limit-per-minute", "--limit-per-second");
  Process process({OHIP_SIM, limit, "1"});
  const std::string url = after_last_space(process.read_line());
  const std::string queue = url + "/int/v1/externalSystem/OHIPDEMO/businessEvents";
  CurlClient client;
  CHECK(client.send("GET", queue, {}).status == 406);
  CHECK(client.send("GET", queue, {}).status == 429);
}

TEST_CASE("the simulators refuse options they do not know") {
  const std::string program = GENERATE(OHIP_SIM, KAFKA_SIM);
  Process process({program, GENERATE(as<std::string>(), "--no-such-option", "20")});
  CHECK(process.read_line().empty());
  CHECK(process.wait() == 64);
}

TEST_CASE("kafka-sim has the brokers and topics asked for, and survives the end of its input") {
  Process process({KAFKA_SIM, "--brokers", "2", "--topic", "one:1", "--topic", "events:6"});
  const std::string line = process.read_line();
  CHECK(line.rfind("kafka-sim: listening on 127.0.0.1:", 0) == 0);
  CHECK(line.find(",127.0.0.1:") != std::string::npos);
  process.close_input();
  CHECK(describe(after_last_space(line), "one").leaders.size() == 1);
  CHECK(describe(after_last_space(line), "events").leaders.size() == 6);
  CHECK(process.stop(SIGTERM) == 0);
}

TEST_CASE("kafka-sim changes leaders and topics on command") {
  Process process({KAFKA_SIM, "--topic", "events:2"});
  const std::string brokers = after_last_space(process.read_line());
  CHECK(process.command("leader events 1 -1") == "ok");
  CHECK(describe(brokers, "events").leaders == std::vector<int>{1, -1});
  CHECK(process.command("topic-error events 3") == "ok");
  CHECK(describe(brokers, "events").error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
  CHECK(process.command("error PRODUCE 29 3") == "ok");
  CHECK(process.command("rtt 1 5") == "ok");
  CHECK(process.command("down 1") == "ok");
  CHECK(process.command("up 1") == "ok");
  CHECK(process.command("down 7").rfind("error: ", 0) == 0);
  CHECK(process.command("leader events").rfind("error: ", 0) == 0);
  CHECK(process.command("explode").rfind("error: ", 0) == 0);
}

namespace {

const ohip::Log kQuiet(ohip::LogLevel::kError);

// Stores one record and a position, as a run of ohip-stream does.
template <typename Sink>
void store(const std::string& brokers, const ohip::GroupPlace& place,
           const ohip::GroupOffset& position) {
  Sink sink({{"bootstrap.servers", brokers}, {"message.timeout.ms", "30000"}}, place, kQuiet);
  sink.take_over();
  ohip::Record record;
  record.topic = place.topic;
  record.value = "event";
  record.timestamp =
      std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
  sink.commit(std::vector<ohip::Record>{record}, position,
              [](std::size_t, const std::string& reason) { FAIL(reason); });
}

const ohip::GroupPlace kPlace{"ohip-stream/127.0.0.1/0123456789ab/DEMO", "events"};
const ohip::GroupOffset kPosition{193, R"({"offset":"193"})"};

}  // namespace

TEST_CASE("kafka-sim keeps a position that is committed behind its records, for the next run") {
  Process process({KAFKA_SIM, "--topic", "events:2"});
  const std::string brokers = after_last_space(process.read_line());
  store<ohip::PlainSink>(brokers, kPlace, kPosition);
  ohip::PlainSink next({{"bootstrap.servers", brokers}}, kPlace, kQuiet);
  CHECK(next.committed() == kPosition);
}

TEST_CASE("kafka-sim refuses a position in a transaction rather than forget it") {
  Process process({KAFKA_SIM, "--topic", "events:2"});
  const std::string brokers = after_last_space(process.read_line());
  try {
    store<ohip::TransactionalSink>(brokers, kPlace, kPosition);
    FAIL("it was committed");
  } catch (const ohip::Error& error) {
    INFO(error.what());
    CHECK(error.status() == ohip::ExitStatus::kConfig);
  }
  ohip::PlainSink next({{"bootstrap.servers", brokers}}, kPlace, kQuiet);
  CHECK_FALSE(next.committed());
}

TEST_CASE("kafka-sim takes commands by HTTP, too, and its errors can be cleared") {
  Process process({KAFKA_SIM, "--topic", "events:2", "--http-port", "0"});
  const std::string brokers = after_last_space(process.read_line());
  const std::string url = after_last_space(process.read_line());
  CurlClient client;
  const auto command = [&](const char* line) {
    return client.send("POST", url, {{"Content-Type", "text/plain"}}, line);
  };
  CHECK(command("topic-error events 3").body == "ok\n");
  CHECK(describe(brokers, "events").error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
  CHECK(command("topic-error events 0").status == 200);
  CHECK(command("explode").status == 400);
  CHECK(command("error PRODUCE 10 1000").status == 200);
  CHECK(command("clear PRODUCE").status == 200);
  store<ohip::PlainSink>(brokers, kPlace, kPosition);
}

TEST_CASE("kafka-sim in the background of a terminal serves on when something is typed there") {
  // script(1) gives it a terminal; the shell of it puts the program into the background.
  const TemporaryDirectory dir;
  const std::string out = dir / "out";
  const std::string line = std::string("set -m; ") + KAFKA_SIM + " --topic events:3 >" + out +
                           " & sleep 1; echo; read -r typed; jobs >" + out + ".jobs; kill %1";
  Process process({SCRIPT, "-q", "-e", "-c", "bash -c '" + line + "'", "/dev/null"});
  static_cast<void>(process.command("down 1"));
  static_cast<void>(process.command("down 1"));
  process.wait();
  CHECK(content(out + ".jobs").find("Running") != std::string::npos);
}
