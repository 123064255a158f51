// The real binary under what a shell, a user and a machine do to it.

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "config/url.h"
#include "e2e/world.h"
#include "simulator/simulator.h"
#include "spool/queue.h"
#include "support/catch.h"
#include "support/scripted_server.h"

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using namespace ohip::test;
using ohip::sim::parse_fault;

namespace {

#ifdef __SANITIZE_THREAD__
constexpr int kThreadsOfSanitizer = 1;
#else
constexpr int kThreadsOfSanitizer = 0;
#endif

bool contains(const std::string& text, const std::string& part) {
  UNSCOPED_INFO("text: " << text);
  return text.find(part) != std::string::npos;
}

// The program, begun by a shell that has done something before.
std::vector<std::string> after(const std::string& commands, std::vector<std::string> arguments) {
  std::vector<std::string> shell = {"/bin/sh", "-c", commands + "\nexec \"$0\" \"$@\"", kProgram};
  shell.insert(shell.end(), arguments.begin(), arguments.end());
  return shell;
}

}  // namespace

TEST_CASE_METHOD(World, "with all standard streams closed events arrive byte for byte") {
  ohip.enqueue("ABC", 25);
  CHECK(
      run(after("exec 0<&- 1>&- 2>&-", {"--drain", "-vv", "--hotel", "ABC"}), environment).status ==
      0);
  CHECK(values() == handed_out());
  CHECK(values().size() == 25);
}

TEST_CASE_METHOD(World, "under nohup a hang-up ends nothing, nor ^C in a shell's background") {
  const auto [name, number] = GENERATE(std::pair{"HUP", SIGHUP}, std::pair{"INT", SIGINT});
  ohip.enqueue("ABC", 45);
  ohip.inject(parse_fault("kind=delay&ms=500"));
  Process process(after(fmt::format("trap '' {}", name), {"--drain", "--hotel", "ABC"}),
                  environment, spool / "out", spool / "err");
  wait_until([&] { return ohip.stats().polls == 1; });
  process.signal(number);
  CHECK(process.wait() == 0);
  CHECK(values().size() == 45);
}

// What it says for a person of a possible loss, beside one way of telling that fails.
struct Telling : World {
  Telling() {
    ohip.enqueue("ABC", 20);
    ohip.inject(parse_fault("kind=close"));
    environment["OHIP_PING_URL"] = watchdog.url() + "/uuid";
  }
  void check_ping() {
    CHECK(ohip.stats().polls == 1);
    const std::vector<std::string> pings = watchdog.requests();
    REQUIRE(pings.size() == 2);
    CHECK(pings[1].starts_with("GET /uuid/76?rid="));
  }

  ScriptedServer watchdog{{answer("200 OK", "OK"), answer("200 OK", "OK")}};
};

TEST_CASE_METHOD(Telling, "metrics below a directory that may not be searched change no status") {
  const fs::path file = spool / "file";
  std::ofstream(file) << "no directory";
  const Result result = poll({"--hotel", "ABC", "--metrics-file", (file / "below.prom").string()});
  CHECK(result.status == 76);
  CHECK(contains(result.err, "warning: the metrics are not written: "));
  CHECK(contains(result.err, "up to 20 events may be lost"));
  check_ping();
}

TEST_CASE_METHOD(Telling, "a stdout that takes no report changes no status") {
  const std::string closed = GENERATE(as<std::string>(), ">&-", ">/dev/full", "| /bin/true");
  const fs::path metrics = spool / "ohip.prom";
  const fs::path err = spool / "err";
  std::vector<std::string> shell = {"/bin/sh",
                                    "-c",
                                    fmt::format("{{ \"$0\" \"$@\" 2>'{}'; echo $? >'{}'; }} {}",
                                                err.string(), (spool / "status").string(), closed),
                                    kProgram,
                                    "--hotel",
                                    "ABC",
                                    "--report",
                                    "json",
                                    "--metrics-file",
                                    metrics.string()};
  run(shell, environment);
  const std::string said = ohip::read_file(err, ohip::ExitStatus::kOk);
  CHECK(ohip::read_file(spool / "status", ohip::ExitStatus::kOk) == "76\n");
  CHECK(contains(said, "warning: the report is not printed: write to stdout: "));
  CHECK(contains(said, "up to 20 events may be lost"));
  CHECK(fs::exists(metrics));
  check_ping();
}

TEST_CASE_METHOD(Telling, "a FIFO in the metrics' place changes no status and is not waited for") {
  const fs::path file = spool / "ohip.prom";
  REQUIRE(mkfifo(file.c_str(), 0600) == 0);
  const Result result = poll({"--hotel", "ABC", "--metrics-file", file.string()});
  CHECK(result.status == 76);
  CHECK(contains(result.err, "warning: the metrics are not written: open " + file.string() +
                                 ": not a regular file"));
  check_ping();
}

TEST_CASE_METHOD(World, "each hotel's possible loss is told with its request") {
  std::string hotels;
  for (int i = 0; i < 10; ++i) {
    hotels += fmt::format("H{},", i);
  }
  ohip.inject(parse_fault("kind=status&status=504&count=10"));
  const Result result = poll({"--hotel", hotels, "--jobs", "2"});
  CHECK(result.status == 76);
  for (int i = 0; i < 10; ++i) {
    CHECK(contains(result.err, fmt::format("error: hotel H{}: OHIP was asked", i)));
  }
  std::size_t ids = 0;
  for (std::size_t at = 0; (at = result.err.find("(x-request-id ", at)) != std::string::npos;
       ++at) {
    ++ids;
  }
  CHECK(ids == 10);
}

TEST_CASE_METHOD(World,
                 "a spool that another user made first is left alone, and nothing is taken") {
  constexpr int kSomebody = 54'321;
  if (geteuid() != 0) {
    WARN("not tried: giving a directory away needs root");
    return;
  }
  const fs::path theirs = spool / "theirs";
  fs::create_directories(theirs);
  REQUIRE(chown(theirs.c_str(), kSomebody, kSomebody) == 0);
  const bool link = GENERATE(false, true);
  if (link) {
    fs::create_directory_symlink(theirs, spool / "link");
    REQUIRE(lchown((spool / "link").c_str(), kSomebody, kSomebody) == 0);
  }
  environment["OHIP_SPOOL_DIR"] = (link ? spool / "link" : theirs).string();
  ohip.enqueue("ABC", 5);
  const std::string mode = GENERATE(as<std::string>(), "--once", "--replay", "--check");
  const Result result = poll({mode, "--hotel", "ABC"});
  CHECK(result.status == (mode == "--replay" ? 0 : 74));  // there is nothing to replay
  CHECK((mode == "--replay" || contains(result.err + result.out, "belongs to user 54321")));
  CHECK(ohip.stats().polls == 0);
  CHECK(fs::is_empty(theirs));
}

TEST_CASE_METHOD(World, "a forged answer in a spool of another user's making is not published") {
  constexpr int kSomebody = 54'321;
  if (geteuid() != 0) {
    WARN("not tried: giving a directory away needs root");
    return;
  }
  const fs::path queue =
      ohip::QueueName{ohip::parse_gateway_url(World::ohip.url()).name, "OHIPDEMO", "ABC"}.directory(
          spool.path());
  fs::create_directories(queue / "quarantine");
  std::ofstream(queue / "20261123T190705.123456Z-forged.json") << "[{\"businessEvent\":{}}]";
  for (const fs::path& one : {spool.path(), queue, queue / "20261123T190705.123456Z-forged.json"}) {
    REQUIRE(chown(one.c_str(), kSomebody, kSomebody) == 0);
  }
  CHECK(poll({"--replay"}).status == 74);
  REQUIRE(chown(spool.path().c_str(), 0, 0) == 0);
  CHECK(poll({"--replay"}).status == 74);
  REQUIRE(chown(queue.c_str(), 0, 0) == 0);
  CHECK(poll({"--replay"}).status == 74);  // the file is theirs
  CHECK(records().empty());
}

// As a user of its own, who may have so many threads.
TEST_CASE_METHOD(World, "few threads serve all queues, and every finding is told") {
  constexpr int kUser = 54'321;
  if (geteuid() != 0) {
    WARN("not tried: a limit of threads binds anyone but root");
    return;
  }
  const int threads = GENERATE(9, 12, 20, 30);
  REQUIRE(chown(spool.path().c_str(), kUser, kUser) == 0);
  std::string hotels;
  for (int i = 0; i < 16; ++i) {
    hotels += fmt::format("H{},", i);
    ohip.enqueue(fmt::format("H{}", i), 25);
  }
  ohip.inject(parse_fault("kind=status&status=504&count=3"));
  const Result result =
      run({SETPRIV, fmt::format("--reuid={}", kUser), fmt::format("--regid={}", kUser),
           "--clear-groups", "/usr/bin/env", "/usr/bin/prlimit",
           fmt::format("--nproc={}", threads + kThreadsOfSanitizer), kProgram, "--drain", "--jobs",
           "16", "--hotel", hotels, "--max-polls-per-minute", "0"},
          environment);
  INFO(threads << ": " << result.err);
  CHECK(result.status == 76);
  CHECK(ohip.stats().polls >= 3 + 13 * 2);
  CHECK(values().size() == 13 * 25);
}

TEST_CASE_METHOD(World, "nothing is taken where not even Kafka's threads can be had") {
  constexpr int kUser = 54'322;
  if (geteuid() != 0) {
    WARN("not tried: a limit of threads binds anyone but root");
    return;
  }
  REQUIRE(chown(spool.path().c_str(), kUser, kUser) == 0);
  ohip.enqueue("ABC", 5);
  environment["ASAN_OPTIONS"] = "detect_leaks=0";  // that takes a thread, too
  const Result result =
      run({SETPRIV, fmt::format("--reuid={}", kUser), fmt::format("--regid={}", kUser),
           "--clear-groups", "/usr/bin/env", "/usr/bin/prlimit",
           fmt::format("--nproc={}", GENERATE(1, 2, 8)), kProgram, "--hotel", "ABC"},
          environment);
  CHECK(result.status == 69);
  CHECK(contains(result.err, "can be had, Kafka alone needs 8"));
  CHECK(ohip.stats().polls == 0);
}

TEST_CASE_METHOD(World,
                 "a configuration or a secret that the job's user may not read ends with 78") {
  constexpr int kUser = 54'323;
  if (geteuid() != 0) {
    WARN("not tried: only root can be another user");
    return;
  }
  const TemporaryDirectory directory;
  const std::filesystem::path file = directory / "file";
  ohip::replace_file(file, "OHIP_LIMIT=1\n", ohip::ExitStatus::kConfig);  // 0600, root's
  REQUIRE(chmod(directory.path().c_str(), 0755) == 0);
  const std::string name = GENERATE("OHIP_CONFIG", "OHIP_CLIENT_SECRET_FILE");
  environment.erase("OHIP_CLIENT_SECRET");
  environment[name] = file.string();
  const Result result = run({SETPRIV, fmt::format("--reuid={}", kUser), "--clear-groups", kProgram,
                             "--check", "--hotel", "ABC"},
                            environment);
  CHECK(result.status == 78);
  CHECK(contains(result.err, name + ": open " + file.string() + ": Permission denied"));
  CHECK(contains(result.err, fmt::format("hint: this is user {}: let it read the file", kUser)));
}

TEST_CASE_METHOD(World, "nothing is taken where files may not be as large as an answer") {
  ohip.enqueue("ABC", 20);
  const Result result =
      run(after("ulimit -f 8", {"--drain", "--hotel", "ABC"}), environment);  // 4 KiB
  CHECK(result.status == 74);
  CHECK(contains(result.err, "File too large"));
  CHECK(ohip.handed_out("ABC").empty());
}

TEST_CASE_METHOD(World, "an argument as long as the system takes is read or refused") {
  std::string many;
  for (int i = 0; i < 60'000; ++i) {
    many += "A,";
  }
  ohip.enqueue("A", 3);
  CHECK(poll({"--hotel=" + many}).status == 0);
  CHECK(values().size() == 3);
  const Result result = poll({"--" + many});
  CHECK(result.status == 64);
  CHECK(result.err.size() < 1'000);
}
