// The real Function between OHIP and Kafka, called as Fn calls it: over its unix socket.

#include <httplib.h>
#include <rapidjson/document.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <future>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "e2e/process.h"
#include "e2e/published.h"
#include "simulator/simulator.h"
#include "support/catch.h"
#include "support/mock_kafka.h"
#include "support/scripted_server.h"
#include "support/temporary_directory.h"

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using namespace ohip::test;
using ohip::MockKafka;
using ohip::Stored;
using ohip::UniqueFd;
using ohip::sim::parse_fault;
using ohip::sim::Simulator;

namespace {

constexpr const char* kTopic = "ohip.business-events";
constexpr int kPartitions = 4;
const std::string kProgram = OHIP_POLL_FN_PROGRAM;

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::string content(const fs::path& path) {
  std::ostringstream content;
  content << std::ifstream(path, std::ios::binary).rdbuf();
  return content.str();
}

std::string deadline_in(std::chrono::seconds time) {
  return ohip::rfc3339_utc(std::chrono::time_point_cast<std::chrono::microseconds>(
      std::chrono::system_clock::now() + time));
}

// An OHIP, a Kafka, and Fn's environment with an application's configuration that names them.
struct World {
  World() {
    kafka.create(kTopic, kPartitions);
    const ohip::sim::Options& options = ohip.options();
    environment = {{"FN_LISTENER", "unix:" + (directory / "lsnr.sock").string()},
                   {"FN_FORMAT", "http-stream"},
                   {"FN_MEMORY", "128"},
                   {"OHIP_GATEWAY_URL", ohip.url()},
                   {"OHIP_CLIENT_ID", options.client_id},
                   {"OHIP_CLIENT_SECRET", options.client_secret},
                   {"OHIP_APP_KEY", options.app_key},
                   {"OHIP_ENTERPRISE_ID", options.enterprise_id},
                   {"OHIP_EXTERNAL_SYSTEM", options.external_system},
                   {"OHIP_HOTELS", "ABC"},
                   {"OHIP_SPOOL_DIR", (directory / "spool").string()},
                   {"KAFKA_BOOTSTRAP_SERVERS", kafka.bootstrap()}};
  }

  std::vector<std::string> values() const {
    return sorted_values(published(kafka, kTopic, kPartitions));
  }

  std::vector<std::string> handed_out() const {
    std::vector<std::string> events = ohip.handed_out("ABC");
    std::sort(events.begin(), events.end());
    return events;
  }

  std::uint64_t polls() const { return ohip.stats().polls; }

  Simulator ohip;
  MockKafka kafka;
  TemporaryDirectory directory;
  Environment environment;
};

// A container with the Function in it, from its start to its being killed.
class Container {
 public:
  explicit Container(const World& world, std::vector<std::string> arguments = {})
      : socket_(world.directory / "lsnr.sock"),
        out_(world.directory / "out"),
        err_(world.directory / "err"),
        process_(command(std::move(arguments)), world.environment, out_, err_),
        client_(socket_) {
    const auto deadline = std::chrono::steady_clock::now() + 5s;
    while (!fs::exists(socket_)) {
      if (std::chrono::steady_clock::now() > deadline) {
        throw std::runtime_error("not listening within 5 s: " + err());
      }
      std::this_thread::sleep_for(1ms);
    }
    client_.set_address_family(AF_UNIX);
    client_.set_keep_alive(true);
    client_.set_read_timeout(100s);
  }

  httplib::Result call(const std::string& deadline = deadline_in(60s),
                       httplib::Headers headers = {}) {
    headers.emplace("Fn-Call-Id", "01CALL");
    headers.emplace("Fn-Deadline", deadline);
    return client_.Post("/call", headers, R"({"from":"scheduler"})", "application/json");
  }

  // The head of the answer to these bytes, sent as they are.
  std::string exchange(const std::string& bytes) const { return head_on(send(bytes)); }

  // What comes on a connection, up to the end of an answer's head at least.
  static std::string head_on(const UniqueFd& fd) {
    std::string answer;
    std::array<char, 4096> piece = {};
    for (ssize_t size = 1; size > 0 && !contains(answer, "\r\n\r\n");) {
      size = recv(fd.get(), piece.data(), piece.size(), 0);
      answer.append(piece.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
    }
    return answer;
  }

  // A connection on which these bytes were sent.
  UniqueFd send(const std::string& bytes) const {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    socket_.string().copy(address.sun_path, sizeof address.sun_path - 1);
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the sockets API
    if (connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      throw std::runtime_error("cannot connect");
    }
    ::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    return fd;
  }

  const fs::path& socket() const { return socket_; }
  std::string out() const { return content(out_); }
  std::string err() const { return content(err_); }
  Process& process() { return process_; }
  httplib::Client& client() { return client_; }

 private:
  static std::vector<std::string> command(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), kProgram);
    return arguments;
  }

  fs::path socket_, out_, err_;
  Process process_;
  httplib::Client client_;
};

int status_in(const std::string& json) {
  rapidjson::Document report;
  report.Parse(json.c_str());
  REQUIRE(report.IsObject());
  return report["status"].GetInt();
}

void kafka_down(World& world) {
  world.environment["KAFKA_BOOTSTRAP_SERVERS"] = "127.0.0.1:1";
}

}  // namespace

TEST_CASE_METHOD(World, "a call moves a queue's events to Kafka and is answered with the report") {
  ohip.enqueue("ABC", 20);
  Container container(*this);
  const auto answer = container.call();
  REQUIRE(answer);
  CHECK(answer->status == 200);
  CHECK(answer->get_header_value("Content-Type") == "application/json");
  CHECK(answer->get_header_value("Fn-Http-Status") == "200");
  CHECK(status_in(answer->body) == 0);
  CHECK(values().size() == 20);
  CHECK(values() == handed_out());
  CHECK(container.err().empty());
  CHECK(container.out() == answer->body + "\n");
}

TEST_CASE_METHOD(World, "the socket is named by a relative link and open to every user") {
  const Container container(*this);
  REQUIRE(fs::is_symlink(container.socket()));
  CHECK(fs::read_symlink(container.socket()).parent_path().empty());
  struct stat socket = {};
  REQUIRE(stat(container.socket().c_str(), &socket) == 0);
  CHECK(S_ISSOCK(socket.st_mode));
  CHECK((socket.st_mode & 0777) == 0666);
}

TEST_CASE_METHOD(World, "a connection is kept for the next call") {
  const Container container(*this);
  const std::string call = "POST /call HTTP/1.1\r\nContent-Length: 0\r\nFn-Call-Id: 1\r\n\r\n";
  const UniqueFd fd = container.send(call);
  CHECK(contains(Container::head_on(fd), "HTTP/1.1 502"));
  std::this_thread::sleep_for(6s);  // longer than httplib's own patience
  ::send(fd.get(), call.data(), call.size(), MSG_NOSIGNAL);
  CHECK(contains(Container::head_on(fd), "HTTP/1.1 502"));
}

TEST_CASE_METHOD(World, "one container serves call after call, with one token") {
  Container container(*this);
  for (const std::size_t events : {3U, 20U, 25U}) {
    ohip.enqueue("ABC", events);
    const auto answer = container.call();
    REQUIRE(answer);
    CHECK(answer->status == 200);
    CHECK(values() == handed_out());
  }
  CHECK(values().size() == 48);
  CHECK(ohip.stats().tokens == 1);
}

TEST_CASE_METHOD(World, "with Kafka down a call fails, and takes nothing from OHIP") {
  ohip.enqueue("ABC", 20);
  kafka_down(*this);
  Container container(*this);
  const auto answer = container.call(deadline_in(21s));
  REQUIRE(answer);
  CHECK(answer->status == 502);
  CHECK(status_in(answer->body) == 69);
  CHECK(polls() == 0);
  CHECK(contains(container.err(), "127.0.0.1:1"));
}

TEST_CASE_METHOD(World, "what a failed call took is published by the container's next one") {
  ohip.enqueue("ABC", 20);
  Container container(*this);
  // Each retry of the one request, for as long as the call lasts.
  kafka.answer(MockKafka::kProduce, std::vector(1000, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS));
  const auto first = container.call(deadline_in(22s));
  REQUIRE(first);
  CHECK(first->status == 502);
  CHECK(status_in(first->body) == 75);
  rd_kafka_mock_clear_request_errors(kafka.get(), MockKafka::kProduce);
  const auto second = container.call();
  REQUIRE(second);
  CHECK(second->status == 200);
  CHECK(values() == handed_out());
  CHECK(values().size() == 20);
}

TEST_CASE_METHOD(World, "a gateway's client gets the failure and the report in an answer of 200") {
  kafka_down(*this);
  Container container(*this);
  const auto answer = container.call(deadline_in(21s), {{"Fn-Intent", "httprequest"}});
  REQUIRE(answer);
  CHECK(answer->status == 200);
  CHECK(answer->get_header_value("Fn-Http-Status") == "502");
  CHECK(status_in(answer->body) == 69);
}

TEST_CASE_METHOD(World, "a call whose deadline has passed fails at once and takes nothing") {
  ohip.enqueue("ABC", 1);
  Container container(*this);
  const auto answer = container.call(deadline_in(-1h));
  REQUIRE(answer);
  CHECK(answer->status == 502);
  CHECK(status_in(answer->body) == 69);
  CHECK(contains(answer->body, "too soon to begin"));
  CHECK(polls() == 0);
  CHECK(container.call()->status == 200);
}

TEST_CASE_METHOD(World,
                 "an OHIP that hangs is given up before the call's deadline, and it is said") {
  ohip.enqueue("ABC", 20);
  ohip.inject(parse_fault("kind=delay&ms=60000"));
  Container container(*this);
  const auto begin = std::chrono::steady_clock::now();
  const auto answer = container.call(deadline_in(19s));
  CHECK(std::chrono::steady_clock::now() - begin < 18s);
  REQUIRE(answer);
  CHECK(answer->status == 502);
  CHECK(status_in(answer->body) == 76);
}

TEST_CASE_METHOD(World,
                 "with OHIP_RUN_FOR a call looks again until its time is over, and no longer") {
  environment["OHIP_RUN_FOR"] = "1h";
  environment["OHIP_INTERVAL"] = "200ms";
  Container container(*this);
  auto calling = std::async(std::launch::async, [&] { return container.call(deadline_in(19s)); });
  for (std::uint64_t seen = 0; seen < 3; ++seen) {
    while (polls() <= seen) {
      std::this_thread::sleep_for(1ms);
    }
    ohip.enqueue("ABC", 5);
  }
  const auto begin = std::chrono::steady_clock::now();
  const auto answer = calling.get();
  CHECK(std::chrono::steady_clock::now() - begin < 18s);
  REQUIRE(answer);
  CHECK(answer->status == 200);
  CHECK(values().size() == 15);
  CHECK(values() == handed_out());
}

TEST_CASE_METHOD(World, "a watchdog hears when a call begins and how it ends, by one UUID") {
  const ScriptedServer watchdog({answer("200 OK"), answer("200 OK")});
  environment["OHIP_PING_URL"] = watchdog.url() + "/job";
  Container container(*this);
  CHECK(container.call()->status == 200);
  REQUIRE(watchdog.requests().size() == 2);
  const std::string start = "GET /job/start?rid=";
  const std::string end = "GET /job/0?rid=";
  REQUIRE(watchdog.requests()[0].starts_with(start));
  REQUIRE(watchdog.requests()[1].starts_with(end));
  // healthchecks.io answers 400 to a rid that is none.
  const std::string rid = watchdog.requests()[0].substr(start.size(), 37);
  CHECK(rid.find_first_not_of("0123456789abcdef-") == 36);
  CHECK(std::count(rid.begin(), rid.end(), '-') == 4);
  CHECK(watchdog.requests()[1].substr(end.size(), 37) == rid);
}

TEST_CASE_METHOD(World, "a mistake in the configuration is each call's answer, not the end") {
  environment.erase("OHIP_GATEWAY_URL");
  Container container(*this);
  for (int i = 0; i < 2; ++i) {
    const auto answer = container.call();
    REQUIRE(answer);
    CHECK(answer->status == 502);
    CHECK(status_in(answer->body) == 78);
    CHECK(contains(answer->body, "OHIP_GATEWAY_URL"));
  }
}

TEST_CASE_METHOD(World, "a request that is no call takes nothing, and the next call is served") {
  ohip.enqueue("ABC", 1);
  Container container(*this);
  CHECK(contains(container.exchange("\x16\x03\x01 what?\r\n\r\n"), "400"));
  CHECK(contains(container.exchange("GET /call HTTP/1.1\r\n\r\n"), "404"));
  CHECK(contains(container.exchange("POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n"), "404"));
  container.send("POST /call HTTP/1.1\r\nContent-Length: 100\r\n\r\ncut off");
  container.send("");
  const auto answer = container.call("tomorrow");
  REQUIRE(answer);
  CHECK(answer->status == 502);
  CHECK(contains(answer->body, "Fn-Deadline"));
  CHECK(polls() == 0);
  CHECK(container.call()->status == 200);
  CHECK(values() == handed_out());
}

TEST_CASE_METHOD(World, "a call may come without a body, or with one in chunks") {
  Container container(*this);
  const std::string head =
      "POST /call HTTP/1.1\r\nHost: localhost\r\n"
      "Fn-Call-Id: 1\r\nFn-Deadline: " +
      deadline_in(60s) + "\r\n";
  CHECK(container.exchange(head + "\r\n").starts_with("HTTP/1.1 200 "));
  CHECK(container.exchange(head + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n")
            .starts_with("HTTP/1.1 200 "));
}

TEST_CASE_METHOD(World,
                 "a call's body may be of any type, and what it claims to be need not be so") {
  const Container container(*this);
  const std::string head =
      "POST /call HTTP/1.1\r\nFn-Call-Id: 1\r\nFn-Deadline: " + deadline_in(60s) +
      "\r\nConnection: close\r\n";
  const std::string form =
      "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--x--\r\n";
  const auto [headers, body] = GENERATE_COPY(table<std::string, std::string>(
      {{"Content-Type: multipart/form-data; boundary=x\r\n", form},
       {"Content-Type: multipart/form-data; boundary=x\r\n", form.substr(0, 20)},
       {"Content-Type: multipart/form-data; boundary=y\r\n", form},
       {"Content-Type: multipart/form-data\r\n", form},
       {"Content-Type: application/x-www-form-urlencoded\r\n", "a=%zz&&=" + std::string(9000, 'b')},
       {"Content-Type: application/cloudevents+json\r\n", "{"},
       {"Content-Type: \r\n", "a"},
       {"Content-Encoding: gzip\r\n", "not gzip"},
       {"Content-Encoding: br\r\n", "not brotli"},
       {"Content-Encoding: zstd, what\r\n", "neither"}}));
  CAPTURE(headers, body);
  const std::string length = "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n";
  CHECK(container.exchange(head + headers + length + body).starts_with("HTTP/1.1 200 "));
}

TEST_CASE_METHOD(World, "a signal ends an idle container at once, without a trace") {
  Container container(*this);
  REQUIRE(container.call());  // its connection stays open
  const auto begin = std::chrono::steady_clock::now();
  container.process().signal(SIGTERM);
  CHECK(container.process().wait() == 0);
  CHECK(std::chrono::steady_clock::now() - begin < 1s);
  CHECK_FALSE(fs::exists(fs::symlink_status(container.socket())));
  CHECK(std::distance(fs::directory_iterator(directory.path()), {}) == 3);  // out, err, spool
}

TEST_CASE_METHOD(World, "a signal during a call lets it deliver what it took, and answer") {
  ohip.enqueue("ABC", 100);
  ohip.inject(parse_fault("kind=delay&ms=500&count=100"));
  Container container(*this);
  auto calling = std::async(std::launch::async, [&] { return container.call(); });
  while (polls() == 0) {
    std::this_thread::sleep_for(1ms);
  }
  container.process().signal(SIGTERM);
  CHECK(container.process().wait() == 0);
  const auto answer = calling.get();
  REQUIRE(answer);
  CHECK(answer->status == 200);
  CHECK(values() == handed_out());
  CHECK(values().size() == 20);
}

TEST_CASE_METHOD(World, "a second container's socket takes the place of a dead one's") {
  {
    Container killed(*this);
    killed.process().signal(SIGKILL);
    CHECK(killed.process().wait() == -SIGKILL);
    fs::remove(killed.socket());
  }
  Container container(*this);
  CHECK(container.call()->status == 200);
}

TEST_CASE_METHOD(World, "started by anything but Fn it says so and ends") {
  for (const char* listener : {"", "tcp:/127.0.0.1:1", "unix:relative"}) {
    environment["FN_LISTENER"] = listener;
    const Result result = run({kProgram}, environment);
    CHECK(result.status == 78);
    CHECK(contains(result.err, "FN_LISTENER"));
  }
  environment["FN_LISTENER"] = "unix:" + (directory / "no such directory" / "lsnr.sock").string();
  CHECK(run({kProgram}, environment).status == 78);
}
