// --list and --requeue of the real binary: what a person finds in the quarantine, and how it gets
// back into the spool.

#include <fcntl.h>
#include <fmt/format.h>
#include <rapidjson/document.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "base/file.h"
#include "e2e/world.h"
#include "support/catch.h"

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using namespace ohip::test;
using ohip::Stored;

namespace {

constexpr uid_t kJob = 4242;  // the user that the job runs as; needs no name

const std::string kEvent =
    R"({"businessEvent":{"n":12345678901234567890.0},"businessEventId":{"id":"1"}})";
const std::string kSecond = R"({"businessEvent":{},"businessEventId":{"id":"2"}})";
const std::string kId = "0b9c53f1-2f6c-4e7b-9a8e-1c2d3e4f5a6b";
const std::string kStem = "20261123T190705.123456Z-" + kId;
const std::string kBack = "20261123T190705.123457Z-" + kId + ".json";

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::string content(const fs::path& path) {
  return ohip::read_file(path, ohip::ExitStatus::kSoftware);
}

std::string answer_of(const std::string& events) {
  return R"({"businessEventData":[)" + events + "]}";
}

// A spool with something in quarantine. It is in quarantine because it was taken from a gateway
// that is configured no more: neither command needs a configuration.
struct Desk : World {
  Desk() {
    fs::create_directories(quarantine);
    fs::permissions(spool.path(), fs::perms::owner_all);
    std::ofstream(queue / "lock").flush();
    std::erase_if(environment, [](const auto& item) {
      return item.first != "OHIP_SPOOL_DIR" && item.first != "KAFKA_BOOTSTRAP_SERVERS";
    });
  }

  void put(const std::string& name, const std::string& bytes, const std::string& reason = "why") {
    std::ofstream(quarantine / name) << bytes;
    if (!reason.empty()) {
      std::ofstream((quarantine / name).replace_extension(".reason")) << reason << '\n';
    }
  }

  // Whoever makes a file there meanwhile.
  void give_to_job() const {
    for (const auto& entry : fs::recursive_directory_iterator(spool.path())) {
      REQUIRE(lchown(entry.path().c_str(), kJob, kJob) == 0);
    }
    REQUIRE(lchown(spool.path().c_str(), kJob, kJob) == 0);
  }

  Result as_job(std::vector<std::string> arguments) const {
    const std::vector<std::string> command = {SETPRIV, fmt::format("--reuid={}", kJob),
                                              fmt::format("--regid={}", kJob), "--clear-groups",
                                              kProgram};
    arguments.insert(arguments.begin(), command.begin(), command.end());
    return run(arguments, environment);
  }

  std::vector<std::string> names(const fs::path& directory) const {
    std::vector<std::string> found;
    for (const auto& entry : fs::directory_iterator(directory)) {
      if (entry.is_regular_file() && entry.path().filename() != "lock") {
        found.push_back(entry.path().filename());
      }
    }
    std::sort(found.begin(), found.end());
    return found;
  }

  fs::path queue = spool / "gateway.example/EXT/ABC";
  fs::path quarantine = queue / "quarantine";
};

struct stat status_of(const fs::path& path) {
  struct stat status = {};
  REQUIRE(lstat(path.c_str(), &status) == 0);
  return status;
}

std::string header(const Stored& record, const std::string& name) {
  const auto found = std::find_if(record.headers.begin(), record.headers.end(),
                                  [&](const auto& header) { return header.first == name; });
  return found == record.headers.end() ? "(absent)" : found->second;
}

// Nobody else can give files away.
bool is_root() {
  if (geteuid() != 0) {
    WARN("not root: not tried");
  }
  return geteuid() == 0;
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE_METHOD(Desk, "a single event in quarantine goes back and is delivered byte for byte") {
  put(kStem + ".1.json", kEvent + "\n");
  const Result result = poll({"--requeue", "all"});
  CHECK(result.status == 0);
  CHECK(result.err.empty());
  CHECK(contains(result.out, "it was quarantined because: why"));
  CHECK(names(queue) == Names{kBack});
  CHECK(names(quarantine).empty());
  CHECK(poll({"--replay"}).status == 0);
  CHECK(values() == Names{kEvent});
  CHECK(header(records()[0], "ce_requestid") == kId);
  CHECK(header(records()[0], "ce_time") == "2026-11-23T19:07:05.123457Z");
  CHECK(spool_is_empty());
}

TEST_CASE_METHOD(Desk, "an answer that a person has fixed goes back as it is") {
  put(kStem + ".json", answer_of(kEvent + ',' + kSecond));
  CHECK(poll({"--requeue", kStem + ".json"}).status == 0);
  CHECK(content(queue / kBack) == answer_of(kEvent + ',' + kSecond));
  CHECK(poll({"--replay"}).status == 0);
  CHECK(values() == Names{kEvent, kSecond});
  CHECK(spool_is_empty());
}

TEST_CASE_METHOD(Desk, "what could not be published stays in quarantine, untouched, and is told") {
  for (const std::string& bytes : std::vector<std::string>{
           "", "<html>busy</html>", R"({"businessEventData":[)", "{}",
           R"({"businessEventData":[]})", R"({"businessEvent":{}})",
           R"({"businessEventId":{"id":"1"}} {"businessEventId":{"id":"2"}})",
           R"({"businessEventId":{"id":"1"}},{"businessEventId":{"id":"2"}})",
           R"({"businessEventId":{"id":"1"}}],"x":[{})", R"({"businessEventId":{"id":"1"}}]})",
           R"([{"businessEventId":{"id":"1"}}])", R"({"error":"busy"})",
           R"({"businessEventData":[{"businessEventId":{"id":"1"}},{"businessEvent":{}}]})",
           "\x1f\x8b\x08 compressed"}) {
    CAPTURE(bytes);
    put(kStem + ".json", bytes);
    put(kStem + ".1.json", kEvent);
    const Result result = poll({"--requeue", "all"});
    CHECK(result.status == 65);
    CHECK(contains(result.err, kStem + ".json: it could not be published: "));
    CHECK(contains(result.out, "1 file put back"));
    CHECK(content(quarantine / (kStem + ".json")) == bytes);
    CHECK(names(quarantine) == Names{kStem + ".json", kStem + ".reason"});
    CHECK(content(queue / kBack) == answer_of(kEvent));
    fs::remove(queue / kBack);
  }
}

TEST_CASE_METHOD(Desk, "the events of one answer go back in their order") {
  for (int i = 1; i <= 11; ++i) {
    put(fmt::format("{}.{}.json", kStem, i),
        fmt::format(R"({{"businessEventId":{{"id":"{}"}}}})", i));
  }
  CHECK(poll({"--requeue", "all"}).status == 0);
  const Names back = names(queue);
  REQUIRE(back.size() == 11);
  for (std::size_t i = 0; i < back.size(); ++i) {
    CHECK(contains(content(queue / back[i]), fmt::format(R"("id":"{}")", i + 1)));
  }
}

TEST_CASE_METHOD(Desk, "what comes back into quarantine overwrites nothing of what was there") {
  // The answer was fixed by hand, an event of it had been refused, and another like it came back.
  put(kStem + ".json",
      answer_of(R"({"businessEventId":{"id":"7"},"filler":")" + std::string(2000, 'x') + R"("})"));
  put(kStem + ".1.json", kEvent, "first reason");
  put("20261123T190705.123457Z-" + kId + ".1.json", kSecond, "second reason");
  CHECK(poll({"--requeue", kStem + ".json"}).status == 0);
  CHECK(poll({"--replay", "-X", "message.max.bytes=1000"}).status == 65);
  CHECK(content(quarantine / (kStem + ".1.json")) == kEvent);
  CHECK(content(quarantine / (kStem + ".1.reason")) == "first reason\n");
  CHECK(content(quarantine / ("20261123T190705.123457Z-" + kId + ".1.json")) == kSecond);
  CHECK(contains(content(quarantine / ("20261123T190705.123458Z-" + kId + ".1.reason")),
                 "Kafka refuses it"));
  CHECK(poll({"--requeue", "all"}).status == 0);
  CHECK(poll({"--replay"}).status == 0);
  CHECK(values().size() == 3);
  CHECK(spool_is_empty());
}

TEST_CASE_METHOD(Desk, "a file whose name is a person's gets one that the spool understands") {
  put("again & again.json", kEvent);
  CHECK(poll({"--requeue", "again & again.json"}).status == 0);
  const Names back = names(queue);
  REQUIRE(back.size() == 1);
  CHECK(back[0].size() == kBack.size());
  CHECK(poll({"--replay"}).status == 0);
  CHECK(header(records()[0], "ce_requestid").size() == kId.size());
}

TEST_CASE_METHOD(Desk, "a file is named by itself, by its path, or by one through a link") {
  const std::string name = kStem + ".1.json";
  const TemporaryDirectory elsewhere;
  const fs::path link = elsewhere / "link";
  fs::create_directory_symlink(queue, link);
  for (const std::string& file : std::vector<std::string>{
           name, (quarantine / name).string(), (link / "quarantine" / name).string(),
           (queue / "." / "quarantine" / name).string()}) {
    put(name, kEvent);

    CAPTURE(file);
    CHECK(poll({"--requeue", file}).status == 0);
    CHECK(names(queue) == Names{kBack});
    fs::remove(queue / kBack);
  }
}

TEST_CASE_METHOD(Desk, "no file is put back that is not in a quarantine of the spool") {
  const std::string name = kStem + ".1.json";
  put(name, kEvent);
  const TemporaryDirectory elsewhere;
  fs::create_directories(elsewhere / "quarantine");
  std::ofstream(elsewhere / "quarantine" / name) << kEvent;
  fs::create_symlink(elsewhere / "quarantine" / name, quarantine / "link.json");
  fs::create_directory(quarantine / "directory.json");
  REQUIRE(mkfifo((quarantine / "pipe.json").c_str(), 0600) == 0);
  for (const std::string& file : std::vector<std::string>{
           "", "nothing.json", "link.json", "pipe.json", "directory.json", kStem + ".1.reason",
           "lock", (elsewhere / "quarantine" / name).string(), (queue / name).string(),
           (quarantine / "link.json").string(), "../quarantine/" + name, "/etc/passwd",
           std::string(100'000, 'x')}) {
    CAPTURE(file.substr(0, 200));
    const Result result = poll({"--requeue", file});
    CHECK(result.status == 64);
    CHECK(contains(result.err, "--requeue"));
    CHECK(result.err.size() < 10'000);
    CHECK(names(queue).empty());
    CHECK(content(quarantine / name) == kEvent);
  }
}

TEST_CASE_METHOD(Desk, "a file that has another name elsewhere is not given away") {
  if (!is_root()) {
    return;
  }
  put(kStem + ".json", answer_of(kEvent));
  const TemporaryDirectory elsewhere;
  fs::create_hard_link(quarantine / (kStem + ".json"), elsewhere / "other");
  give_to_job();
  REQUIRE(chown((elsewhere / "other").c_str(), 0, 0) == 0);
  const Result result = poll({"--requeue", "all"});
  CHECK(result.status == 74);
  CHECK(contains(result.err, "not a plain file with one name"));
  CHECK(status_of(elsewhere / "other").st_uid == 0);
}

TEST_CASE_METHOD(Desk, "a name that two queues have in quarantine is to be given by its path") {
  put(kStem + ".1.json", kEvent);
  const fs::path other = spool / "gateway.example/EXT/DEF/quarantine";
  fs::create_directories(other);
  fs::copy_file(quarantine / (kStem + ".1.json"), other / (kStem + ".1.json"));
  CHECK(poll({"--requeue", kStem + ".1.json"}).status == 64);
  CHECK(poll({"--requeue", (other / (kStem + ".1.json")).string()}).status == 0);
  CHECK(fs::exists(other.parent_path() / kBack));
  CHECK(names(queue).empty());
  CHECK(poll({"--requeue", "all", "--hotel", "DEF"}).status == 0);
  CHECK(names(queue).empty());
  CHECK(poll({"--requeue", "all", "--hotel", "ABC"}).status == 0);
  CHECK(names(queue) == Names{kBack});
}

TEST_CASE_METHOD(Desk, "what root puts back belongs to the job's user, who then delivers it") {
  if (!is_root()) {
    return;
  }
  give_to_job();
  put(kStem + ".json", answer_of(kSecond));  // as an editor of root's leaves it
  put(kStem + ".1.json", kEvent);
  fs::permissions(quarantine / (kStem + ".json"), fs::perms(0644));
  fs::remove(queue / "lock");
  CHECK(poll({"--requeue", "all"}).status == 0);
  for (const auto& entry : fs::recursive_directory_iterator(spool.path())) {
    INFO(entry.path());
    CHECK(status_of(entry.path()).st_uid == kJob);
    CHECK(status_of(entry.path()).st_gid == kJob);
    CHECK((entry.is_directory() || (status_of(entry.path()).st_mode & 0777) == 0600));
  }
  const Result replay = as_job({"--replay"});
  CHECK(replay.status == 0);
  CHECK(replay.err.empty());
  CHECK(values() == Names{kEvent, kSecond});
  CHECK(spool_is_empty());
}

TEST_CASE_METHOD(Desk, "the job's user is told what only root may put back") {
  if (!is_root()) {
    return;
  }
  put(kStem + ".1.json", kEvent);
  put(kStem + ".2.json", kSecond);
  give_to_job();
  REQUIRE(chown((quarantine / (kStem + ".2.json")).c_str(), 0, 0) == 0);
  fs::permissions(quarantine / (kStem + ".2.json"), fs::perms(0600));
  const Result result = as_job({"--requeue", "all"});
  CHECK(result.status == 74);
  CHECK(contains(result.err, kStem + ".2.json: Permission denied"));
  CHECK(contains(result.err, "as root"));
  CHECK(names(queue) == Names{kBack});
  CHECK(content(quarantine / (kStem + ".2.json")) == kSecond);
  CHECK(poll({"--requeue", "all"}).status == 0);
  CHECK(as_job({"--replay"}).status == 0);
  CHECK(values() == Names{kEvent, kSecond});
}

TEST_CASE_METHOD(Desk, "a run that holds the queue is waited for, until the deadline") {
  put(kStem + ".1.json", kEvent);
  const ohip::UniqueFd lock(open((queue / "lock").c_str(), O_RDWR | O_CLOEXEC));
  REQUIRE(flock(lock.get(), LOCK_EX) == 0);
  const Result result = poll({"--requeue", "all", "--deadline", "300ms"});
  CHECK(result.status == 75);
  CHECK(contains(result.err, "a run holds the queue"));
  CHECK(names(quarantine).size() == 2);
  Process waiting({kProgram, "--requeue", "all", "-v"}, environment, spool / "out", spool / "err");
  while (!fs::exists(spool / "err") || !contains(content(spool / "err"), "waiting for its end")) {
    std::this_thread::sleep_for(5ms);
  }
  CHECK(names(queue).empty());
  REQUIRE(flock(lock.get(), LOCK_UN) == 0);
  CHECK(waiting.wait() == 0);
  CHECK(names(queue) == Names{kBack});
}

TEST_CASE_METHOD(Desk,
                 "the list says what waits and what is in quarantine, oldest first, and why") {
  put(kStem + ".2.json", kEvent, "Kafka refuses it:\n\x1b[31mtoo \xff large");
  put("20261120T000000.000000Z-" + kId + ".json", "<html>", "");
  std::ofstream(quarantine / ("20261122T000000.000000Z-" + kId + ".reason")) << "never came\n";
  std::ofstream(queue / ("20261124T000000.000000Z-" + kId + ".json")) << answer_of(kEvent);
  std::ofstream(queue / ("20261124T000001.000000Z-" + kId + ".part")) << "{";
  std::ofstream(queue / ("20261124T000002.000000Z-" + kId + ".reserved")).flush();
  REQUIRE(mkfifo((quarantine / "pipe.reason").c_str(), 0600) == 0);
  fs::create_directories(spool / "lost+found");
  const fs::path older = spool / "gateway.example/EXT/@chain";
  fs::create_directories(older);
  std::ofstream(older / ("20261101T000000.000000Z-" + kId + ".json")) << answer_of(kSecond);

  const Result result = poll({"--list", "--report", "json"});
  CHECK(result.status == 0);
  CHECK(result.err.empty());
  CHECK_FALSE(contains(result.out, "businessEvent"));
  rapidjson::Document list;
  list.Parse(result.out.c_str());
  REQUIRE(list.IsObject());
  CHECK(list["spool"].GetString() == spool.path().string());
  CHECK(list["waiting"].GetInt() == 2);
  CHECK(list["arriving"].GetInt() == 1);
  CHECK(list["quarantined"].GetInt() == 2);
  CHECK(list["unanswered"].GetInt() == 1);
  REQUIRE(list["queues"].Size() == 2);
  CHECK(list["queues"][0]["hotel"].GetString() == std::string("@chain"));
  CHECK(list["queues"][1]["hotel"].GetString() == std::string("ABC"));
  CHECK(list["queues"][1]["external_system"].GetString() == std::string("EXT"));
  CHECK(list["queues"][1]["directory"].GetString() == queue.string());
  const auto& files = list["queues"][1]["files"];
  Names states;
  for (const auto& file : files.GetArray()) {
    states.emplace_back(file["state"].GetString());
    CHECK(file["age"].GetInt64() >= 0);
  }
  CHECK(states == Names{"quarantined", "unanswered", "quarantined", "waiting", "arriving"});
  CHECK(files[2]["file"].GetString() == "quarantine/" + kStem + ".2.json");
  CHECK(files[2]["received"].GetString() == std::string("2026-11-23T19:07:05.123456Z"));
  CHECK(files[2]["bytes"].GetUint() == kEvent.size());
  const std::string reason = files[2]["reason"].GetString();
  CHECK(reason.starts_with("Kafka refuses it: "));
  CHECK(std::none_of(reason.begin(), reason.end(), [](char c) { return c < ' '; }));

  const Result table = poll({"--list"});
  CHECK(table.status == 0);
  CHECK(
      table.out.starts_with(spool.path().string() +
                            ": 2 batches to deliver, 1 arriving, 2 files in quarantine, 1 response "
                            "that never came\n"));
  CHECK(contains(table.out, "never came\n"));
  CHECK(contains(table.out, "\n" + queue.string() + "\n"));
  CHECK_FALSE(contains(table.out, "\x1b"));
  CHECK_FALSE(contains(table.out, "businessEvent"));
  CHECK_FALSE(contains(poll({"--list", "--hotel", "DEF"}).out, kStem));
}

TEST_CASE_METHOD(Desk, "a list of what may not be read is no empty list") {
  if (!is_root()) {
    return;
  }
  put(kStem + ".1.json", kEvent);
  fs::permissions(spool.path(), fs::perms(0755));
  REQUIRE(chown(queue.c_str(), 0, 0) == 0);
  fs::permissions(queue, fs::perms(0700));
  const Result result = as_job({"--list"});
  CHECK(result.status == 74);
  CHECK(contains(result.err, queue.string() + ": Permission denied"));
  CHECK(as_job({"--requeue", "all"}).status == 74);
}

TEST_CASE_METHOD(Desk, "what is behind a link is told, and not touched") {
  put(kStem + ".1.json", kEvent);
  const TemporaryDirectory elsewhere;
  fs::rename(quarantine, elsewhere / "quarantine");
  fs::create_directory_symlink(elsewhere / "quarantine", quarantine);
  const Result list = poll({"--list"});
  CHECK(list.status == 74);
  CHECK(contains(list.err, quarantine.string() + " is a link"));
  CHECK(poll({"--requeue", "all"}).status == 74);
  CHECK(fs::exists(elsewhere / "quarantine" / (kStem + ".1.json")));
  CHECK(names(queue).empty());
}

TEST_CASE_METHOD(Desk, "where there is no spool, list, requeue and replay say so") {
  environment["OHIP_SPOOL_DIR"] = (spool / "none").string();
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"--list"}, {"--requeue", "all"}}) {
    const Result result = poll(arguments);
    CHECK(result.status == 78);
    CHECK(contains(result.err, "there is no spool at " + (spool / "none").string()));
  }
  const Result replay = poll({"--replay"});
  CHECK(replay.status == 0);
  CHECK(contains(replay.err, "there is no spool at " + (spool / "none").string()));
  CHECK_FALSE(fs::exists(spool / "none"));
}

TEST_CASE_METHOD(Desk, "a replay with nothing to do says where it looked, when asked to speak") {
  CHECK(poll({"--replay"}).err.empty());
  CHECK(contains(poll({"--replay", "-v"}).err,
                 "nothing waits in the spool " + spool.path().string()));
}

TEST_CASE_METHOD(Desk, "a replay publishes what waits of any queue, unless hotels are named") {
  const fs::path chain = spool / "gateway.example/EXT/@chain";
  fs::create_directories(chain);
  std::ofstream(chain / (kStem + ".json")) << answer_of(kEvent);
  std::ofstream(queue / (kStem + ".json")) << answer_of(kSecond);
  environment["OHIP_HOTELS"] = "DEF";  // since then
  CHECK(poll({"--replay", "--hotel", "DEF"}).status == 0);
  CHECK(values().empty());
  CHECK(poll({"--replay", "--queue", "chain", "--hotel", "DEF"}).status == 0);
  CHECK(values() == Names{kEvent});
  CHECK(poll({"--replay"}).status == 0);
  CHECK(values() == Names{kEvent, kSecond});
}

TEST_CASE_METHOD(Desk, "a file is put back although nobody can read that it is") {
  put(kStem + ".1.json", kEvent);
  const std::string full = ">/dev/full";
  CHECK(run({"/bin/sh", "-c", kProgram + " --requeue all" + full}, environment).status == 0);
  CHECK(names(queue) == Names{kBack});
  const Result list = run({"/bin/sh", "-c", kProgram + " --list" + full}, environment);
  CHECK(list.status != 0);
  CHECK(contains(list.err, "write to stdout: No space left on device"));
}
