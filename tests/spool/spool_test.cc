#include "spool/spool.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "support/catch.h"
#include "support/temporary_directory.h"

namespace fs = std::filesystem;
using namespace ohip;
using namespace std::chrono_literals;
using ohip::test::TemporaryDirectory;

namespace {

const QueueName kQueue = {"gateway.example", "EXT", "ABC"};
const std::string kRequest = "0b9c53f1-2f6c-4e7b-9a8e-1c2d3e4f5a6b";
const TimePoint kNow{1'795'460'825s + 123'456us};  // 2026-11-23T19:07:05.123456Z
const std::string kStem = "20261123T190705.123456Z-" + kRequest;

Spool open(const TemporaryDirectory& root, const QueueName& queue = kQueue) {
  std::optional<Spool> spool = Spool::open(root.path(), queue);
  REQUIRE(spool);
  return std::move(*spool);
}

std::vector<std::string> files_in(const fs::path& directory) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(directory)) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

Batch keep(Spool& spool, const std::string& body, TimePoint received = kNow,
           const std::string& request = kRequest) {
  Spool::Part part = spool.reserve(request, received, 20);
  REQUIRE(part.asked());
  part.write(body);
  return part.keep(body, received, true);
}

struct stat status_of(const fs::path& path) {
  struct stat status = {};
  REQUIRE(lstat(path.c_str(), &status) == 0);
  return status;
}

std::string content(const fs::path& path) {
  return read_file(path, ExitStatus::kSoftware);
}

const std::vector<std::string> kEmptySpool = {"lock", "quarantine"};

}  // namespace

TEST_CASE("the spool may be a link to a directory, as systemd's DynamicUser= makes it one") {
  const TemporaryDirectory directory;
  fs::create_directory(directory.path() / "private");
  const fs::path link = directory.path() / "state";
  fs::create_directory_symlink("private", link);
  CHECK(Spool::open(link, kQueue));
  CHECK(files_in(link) == std::vector<std::string>{kQueue.gateway});
}

TEST_CASE("an answer is kept verbatim under the time it was received and its request id") {
  const TemporaryDirectory root;
  Spool spool = open(root);
  const Batch batch = keep(spool, "{\"a\":\"\xc3\xa9\"}\n");
  CHECK(batch.storage_error.empty());
  CHECK(batch.file == kStem + ".json");
  CHECK(spool.pending() == std::vector{kStem + ".json"});
  CHECK(content(root / "gateway.example/EXT/ABC/" / batch.file) == "{\"a\":\"\xc3\xa9\"}\n");
}

TEST_CASE("what was kept reads back the same in another run") {
  const TemporaryDirectory root;
  {
    Spool spool = open(root);
    keep(spool, "body");
  }
  const Batch batch = open(root).read(kStem + ".json");
  CHECK(batch.body == "body");
  CHECK(batch.request_id == kRequest);
  CHECK(batch.received == kNow);
}

namespace {

std::string pending_bodies(const Spool& spool) {
  std::string bodies;
  for (const std::string& file : spool.pending()) {
    bodies += spool.read(file).body;
  }
  return bodies;
}

}  // namespace

TEST_CASE("pending batches come oldest first") {
  const TemporaryDirectory root;
  for (const auto& [body, received] : {std::pair("2", kNow + 1s), {"3", kNow + 61s}, {"1", kNow}}) {
    Spool spool = open(root);  // each by a run of its own
    keep(spool, body, received);
  }
  CHECK(pending_bodies(open(root)) == "123");
}

TEST_CASE("a clock that jumps back does not change the order of one run's batches") {
  const TemporaryDirectory root;
  Spool spool = open(root);
  keep(spool, "1", kNow);
  keep(spool, "2", kNow - 1h);
  keep(spool, "3", kNow - 2h);
  CHECK(pending_bodies(spool) == "123");
}

TEST_CASE("a commit leaves the spool empty") {
  const TemporaryDirectory root;
  Spool spool = open(root);
  spool.commit(keep(spool, "body"));
  CHECK(files_in(spool.directory()) == kEmptySpool);
}

TEST_CASE("directories are for their owner only, and so are files") {
  const TemporaryDirectory root;
  Spool spool = open(root);
  const Batch batch = keep(spool, "guest data");
  for (const char* directory : {"gateway.example", "gateway.example/EXT", "gateway.example/EXT/ABC",
                                "gateway.example/EXT/ABC/quarantine"}) {
    CHECK((status_of(root / directory).st_mode & 0777) == 0700);
  }
  CHECK((status_of(spool.directory() / batch.file).st_mode & 0777) == 0600);
}

TEST_CASE("the room for an answer is really there before OHIP is asked, and given back after") {
  const TemporaryDirectory root;
  Spool spool = open(root);
  Spool::Part part = spool.reserve(kRequest, kNow, 20);
  const struct stat reserved = status_of(spool.directory() / (kStem + ".limit-20.reserved"));
  CHECK(reserved.st_size == 0);
  CHECK(reserved.st_blocks * 512 >= 10 << 20);
  REQUIRE(part.asked());
  part.write("body");
  const Batch batch = part.keep("body", kNow, true);
  const struct stat kept = status_of(spool.directory() / batch.file);
  CHECK(kept.st_size == 4);
  CHECK(kept.st_blocks * 512 <= 64 << 10);
}

TEST_CASE("a reservation that OHIP was never asked for is removed") {
  const TemporaryDirectory root;
  Spool spool = open(root);
  SECTION("by the run that made it") {
    spool.reserve(kRequest, kNow, 20);
    CHECK(files_in(spool.directory()) == kEmptySpool);
  }
  SECTION("by the next run when that one was killed") {
    replace_file(spool.directory() / (kStem + ".reserved"), "", ExitStatus::kSpool);
    CHECK(spool.pending().empty());
    CHECK(files_in(spool.directory()) == kEmptySpool);
  }
}

TEST_CASE("an answer without events leaves nothing behind") {
  const TemporaryDirectory root;
  Spool spool = open(root);
  {
    Spool::Part part = spool.reserve(kRequest, kNow, 20);
    REQUIRE(part.asked());
    part.discard();
  }
  CHECK(files_in(spool.directory()) == kEmptySpool);
}

TEST_CASE("from the moment OHIP is asked a killed run leaves a .part that the next one finds") {
  const TemporaryDirectory root;
  Spool spool = open(root);
  {
    Spool::Part part = spool.reserve(kRequest, kNow, 20);
    REQUIRE(part.asked());
    part.write("half an ans");
  }
  REQUIRE(spool.pending() == std::vector{kStem + ".limit-20.part"});
  const Batch batch = spool.read(kStem + ".limit-20.part");
  CHECK_FALSE(batch.whole);
  CHECK(batch.request_id == kRequest);
  CHECK(batch.asked_for == 20);
  CHECK(batch.body == "half an ans");
  CHECK(batch.received == kNow);
  CHECK(status_of(spool.directory() / batch.file).st_blocks * 512 <= 64 << 10);
}

TEST_CASE("an answer that never came leaves its reason in the quarantine") {
  const TemporaryDirectory root;
  Spool spool = open(root);
  fs::path reason;
  {
    Spool::Part part = spool.reserve(kRequest, kNow, 20);
    REQUIRE(part.asked());
    reason = part.lost("no answer", "");
  }
  CHECK(reason == spool.directory() / "quarantine" / (kStem + ".reason"));
  CHECK(content(reason) == "no answer");
  CHECK(spool.pending().empty());
}

TEST_CASE("a possible loss is remembered by the next run, until an answer has come whole") {
  const TemporaryDirectory root;
  {
    Spool spool = open(root);
    CHECK_FALSE(spool.in_doubt());
    Spool::Part part = spool.reserve(kRequest, kNow, 20);
    REQUIRE(part.asked());
    part.lost("no answer", "");
    CHECK(spool.in_doubt());
  }
  {
    Spool spool = open(root);
    CHECK(spool.in_doubt());
    spool.end_doubt();
    CHECK_FALSE(spool.in_doubt());
  }
  CHECK_FALSE(open(root).in_doubt());
}

TEST_CASE("what was asked for and how the transfer ended is in the name of what broke off") {
  const TemporaryDirectory root;
  const std::size_t limit = GENERATE(1U, 5U, 20U);
  Spool spool = open(root);
  Spool::Part part = spool.reserve(kRequest, kNow, limit);
  REQUIRE(part.asked());
  part.write("{\"bus");
  const Batch kept = part.keep("{\"bus", kNow, false);
  CHECK(kept.file == fmt::format("{}.limit-{}.part", kStem, limit));
  const Batch read = spool.read(kept.file);
  for (const Batch& batch : {kept, read}) {
    CHECK_FALSE(batch.whole);
    CHECK(batch.asked_for == limit);
    CHECK(batch.request_id == kRequest);
    CHECK(batch.received == kNow);
    CHECK(batch.body == "{\"bus");
  }
  CHECK(spool.quarantine(read, "cut off").filename() == kStem + ".json");
  CHECK(spool.pending().empty());
}

TEST_CASE("a .part of an earlier version was asked for with any limit") {
  const TemporaryDirectory root;
  Spool spool = open(root);
  for (const std::string& name :
       {kStem + ".part", kStem + ".limit-.part", kStem + ".limit-99.part"}) {
    replace_file(spool.directory() / name, "", ExitStatus::kSpool);
    CHECK(spool.read(name).asked_for == 20);
    CHECK(spool.read(name).request_id == kRequest);
  }
}

TEST_CASE("a time in the future does not keep unavailability from being told") {
  const TemporaryDirectory root;
  Spool spool = open(root);
  CHECK(Spool::unserved_since(root.path(), kQueue, kNow + 24h * 365) <= kNow + 24h * 365);
  const fs::path file = spool.directory() / "unserved";
  fs::last_write_time(file, fs::file_time_type::clock::now() + 24h * 3650);
  CHECK(Spool::unserved_since(root.path(), kQueue, kNow) == kNow);
  CHECK(Spool::unserved_since(root.path(), kQueue, kNow + 1h) == kNow);
}

TEST_CASE("a batch in quarantine is whole, has its reason beside it and is no longer pending") {
  const TemporaryDirectory root;
  Spool spool = open(root);
  const fs::path path = spool.quarantine(keep(spool, "<html>"), "not JSON");
  CHECK(path == spool.directory() / "quarantine" / (kStem + ".json"));
  CHECK(content(path) == "<html>");
  CHECK(content(fs::path(path).replace_extension(".reason")) == "not JSON");
  CHECK(spool.pending().empty());
}

TEST_CASE("a batch that only memory holds is written into the quarantine") {
  const TemporaryDirectory root;
  Spool spool = open(root);
  Batch batch = keep(spool, "on disk");
  batch.body = "in memory";
  batch.storage_error = "write: Input/output error";
  CHECK(content(spool.quarantine(batch, "reason")) == "in memory");
  CHECK(spool.pending().empty());
}

TEST_CASE("one event in quarantine leaves its batch where it is, however often it is put there") {
  const TemporaryDirectory root;
  Spool spool = open(root);
  const Batch batch = keep(spool, "batch");
  spool.quarantine_event(batch, 2, "{event}", "no id");
  const fs::path path = spool.quarantine_event(batch, 2, "{event}", "no id");
  CHECK(content(path) == "{event}");
  CHECK(files_in(spool.directory() / "quarantine") ==
        std::vector{kStem + ".2.json", kStem + ".2.reason"});
  CHECK(spool.pending() == std::vector{batch.file});
}

TEST_CASE("nothing in quarantine is overwritten by what comes there under the same name") {
  const TemporaryDirectory root;
  Spool spool = open(root);
  const fs::path quarantine = spool.directory() / "quarantine";
  const fs::path first = spool.quarantine(keep(spool, "<html>"), "not JSON\n");
  const fs::path reason = fs::path(first).replace_extension(".reason");
  const auto again = [&](const std::string& body, const std::string& why) {
    const std::string file = first.filename().string();
    replace_file(spool.directory() / file, body, ExitStatus::kSpool);
    return spool.quarantine(spool.read(file), why);
  };
  SECTION("moved out by hand, and back by a run: both reasons stay") {
    fs::remove(first);
    CHECK(again("<html>", "still not JSON\n") == first);
    CHECK(content(reason) == "not JSON\nstill not JSON\n");
  }
  SECTION("copied out by hand, and unchanged: the same file, the reason once") {
    CHECK(again("<html>", "not JSON\n") == first);
    CHECK(content(reason) == "not JSON\n");
    CHECK(files_in(quarantine).size() == 2);
  }
  SECTION("copied out by hand and mended there: the original stays, each with its reason") {
    const fs::path second = again("{mended", "half an answer\n");
    CHECK(second == quarantine / ("20261123T190705.123457Z-" + kRequest + ".json"));
    CHECK(content(first) == "<html>");
    CHECK(content(reason) == "not JSON\n");
    CHECK(content(second) == "{mended");
    CHECK(content(fs::path(second).replace_extension(".reason")) == "half an answer\n");
    CHECK(again("{mended", "half an answer\n") == second);
    CHECK(spool.pending().empty());
  }
  SECTION("something that is no file of ours is left alone") {
    fs::remove(first);
    fs::create_symlink("/dev/null", first);
    CHECK(again("<html>", "not JSON\n") != first);
    CHECK(fs::is_symlink(first));
  }
}

TEST_CASE("an event gets the next number in quarantine where another has its own") {
  const TemporaryDirectory root;
  Spool spool = open(root);
  const Batch batch = keep(spool, "batch");
  const fs::path one = spool.quarantine_event(batch, 1, "{one}", "no id\n");
  const fs::path two = spool.quarantine_event(batch, 1, "{two}", "no id\n");
  CHECK(two.filename() == kStem + ".2.json");
  CHECK(content(one) == "{one}");
  CHECK(content(two) == "{two}");
  CHECK(spool.quarantine_event(batch, 2, "{three}", "no id\n").filename() == kStem + ".3.json");
  CHECK(spool.quarantine_event(batch, 1, "{two}", "no id\n") == two);
  CHECK(files_in(spool.directory() / "quarantine").size() == 6);
}

TEST_CASE("a file that a person put back is pending, whatever its name") {
  const TemporaryDirectory root;
  Spool spool = open(root);
  replace_file(spool.directory() / "mended.json", "{}", ExitStatus::kSpool);
  REQUIRE(spool.pending() == std::vector<std::string>{"mended.json"});
  const Batch batch = spool.read("mended.json");
  CHECK(batch.body == "{}");
  CHECK(batch.request_id.empty());
  CHECK(batch.received > kNow - 24h * 3650);
}

TEST_CASE("a queue has one owner at a time, another queue another") {
  const TemporaryDirectory root;
  Spool spool = open(root);
  CHECK_FALSE(Spool::open(root.path(), kQueue));
  CHECK(Spool::open(root.path(), {"gateway.example", "EXT", "DEF"}));
  CHECK(Spool::open(root.path(), {"gateway.example", "EXT", std::string(kChainQueue)}));
}

TEST_CASE("the lock file of a dead run is no lock") {
  const TemporaryDirectory root;
  { const Spool dead = open(root); }
  CHECK(Spool::open(root.path(), kQueue));
}

TEST_CASE("no code can leave its directory or take another one's") {
  const TemporaryDirectory root;
  for (const char* code : {"../../etc", "..", ".", "a/b", "@chain", "%2E", "a\r\nb", "\xc3\xa9"}) {
    Spool spool = open(root, {"gateway.example", "EXT", code});
    const bool chain = std::string(code) == "@chain";
    CHECK(spool.directory().parent_path() == root / "gateway.example/EXT");
    CHECK(spool.directory().filename() == (chain ? code : escape_name(code)));
    CHECK(unescape_name(escape_name(code)) == code);
    CHECK(escape_name(code).find('/') == std::string::npos);
    CHECK(escape_name(code).front() != '.');
  }
}

TEST_CASE("the queues with something to deliver are found by their names") {
  const TemporaryDirectory root;
  CHECK(Spool::pending_queues(root / "missing").empty());
  const QueueName full = {"gateway.example", "EXT 1", "A.B"};
  const Spool empty = open(root);
  Spool spool = open(root, full);
  keep(spool, "body");
  const std::vector<QueueName> queues = Spool::pending_queues(root.path());
  REQUIRE(queues.size() == 1);
  CHECK(queues[0].gateway == full.gateway);
  CHECK(queues[0].external_system == full.external_system);
  CHECK(queues[0].hotel == full.hotel);
}

TEST_CASE("what no name of ours is called is passed over, and so is what cannot be read") {
  const TemporaryDirectory root;
  for (const char* const name : {"lost+found", "lost+found/EXT/ABC", "a b", "gateway.example/@x"}) {
    fs::create_directories(root / name);
  }
  std::ofstream(root / "lost+found/EXT/ABC/1.json") << "{}";
  std::ofstream(root / "file") << "";
  Spool spool = open(root);
  keep(spool, "body");
  CHECK(Spool::pending_queues(root.path()) == std::vector{kQueue});
}

namespace {

const QueueName kEarlier = {"h", "EXT", "ABC"};

// As version 0.1.0 leaves them.
void leave(const TemporaryDirectory& root, const std::string& name, const std::string& content) {
  const fs::path file = kEarlier.directory(root.path()) / name;
  fs::create_directories(kEarlier.directory(root.path()) / "quarantine");
  std::ofstream(file) << content;
}

}  // namespace

TEST_CASE("a gateway is told from another by all of its URL that is not usual") {
  const TemporaryDirectory root;
  std::vector<Spool> all;
  for (const char* const name :
       {"h", "h/prod", "h/uat", "h:8443", "http://h", "http://h:81/prod"}) {
    const QueueName queue = {name, "EXT", "ABC"};
    all.push_back(open(root, queue));
    keep(all.back(), name);
    CHECK(queue.earlier().value_or(kEarlier) == kEarlier);
    CHECK(queue.earlier().has_value() == (queue.gateway != "h"));
  }
  CHECK(Spool::pending_queues(root.path()).size() == all.size());
  CHECK(QueueName{"http://[::1]:80", "E", "H"}.earlier()->gateway == "[::1]");
  CHECK_FALSE(QueueName{"[::1]", "E", "H"}.earlier());
}

TEST_CASE("what an earlier version left under the host alone is found, once") {
  const TemporaryDirectory root;
  leave(root, kStem + ".json", "batch");
  leave(root, kStem + ".part", "part");
  leave(root, "unserved", "");
  leave(root, "quarantine/1.json", "aside");
  leave(root, "quarantine/1.reason", "why");
  leave(root, "lock", "");
  const QueueName ours = {GENERATE("h/prod", "h:8443", "http://h:81"), "EXT", "ABC"};
  Spool spool = open(root, ours);
  CHECK(spool.pending() == std::vector{kStem + ".json", kStem + ".part"});
  CHECK(spool.read(kStem + ".json").body == "batch");
  CHECK(content(spool.directory() / "quarantine/1.json") == "aside");
  CHECK(content(spool.directory() / "quarantine/1.reason") == "why");
  CHECK(fs::exists(spool.directory() / "unserved"));
  CHECK_FALSE(fs::exists(root / "h"));
  CHECK(spool.unclaimed().empty());
}

TEST_CASE("a run of an earlier version that is at the queue holds it") {
  const TemporaryDirectory root;
  leave(root, kStem + ".json", "batch");
  const auto lock = try_lock(kEarlier.directory(root.path()) / "lock", ExitStatus::kSpool);
  REQUIRE(lock);
  CHECK_FALSE(Spool::open(root.path(), {"h/prod", "EXT", "ABC"}));
  CHECK(fs::exists(kEarlier.directory(root.path()) / (kStem + ".json")));
}

TEST_CASE("what may be another gateway's is left where it is") {
  const TemporaryDirectory root;
  SECTION("of one whose name is the host: it is that one's") {
    {
      Spool spool = open(root, kEarlier);
      keep(spool, "body");
    }
    CHECK(open(root, {"h/prod", "EXT", "ABC"}).unclaimed().empty());
    CHECK(open(root, kEarlier).pending().size() == 1);
  }
  SECTION("of one of two others: a person must say") {
    { open(root, {"h/uat", "EXT", "DEF"}); }
    leave(root, kStem + ".json", "batch");
    const Spool spool = open(root, {"h/prod", "EXT", "ABC"});
    CHECK(spool.pending().empty());
    CHECK(spool.unclaimed() == kEarlier.directory(root.path()));
    CHECK(fs::exists(kEarlier.directory(root.path()) / (kStem + ".json")));
  }
}

TEST_CASE("a spool that cannot be made is an error that names the path and the reason") {
  const TemporaryDirectory root;
  replace_file(root / "file", "", ExitStatus::kSpool);
  try {
    Spool::open(root / "file", kQueue);
    FAIL("opened");
  } catch (const Error& e) {
    CHECK(e.status() == ExitStatus::kSpool);
    CHECK(std::string(e.what()).find("file") != std::string::npos);
    CHECK(std::string(e.what()).find("Not a directory") != std::string::npos);
  }
}

TEST_CASE("an answer that the disk does not take stays in memory, and the batch says so") {
  const TemporaryDirectory root;
  Spool spool = open(root);
  Spool::Part part = spool.reserve(kRequest, kNow, 20);
  REQUIRE(part.asked());
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit earlier = {};
  REQUIRE(getrlimit(RLIMIT_FSIZE, &earlier) == 0);
  const rlimit small = {.rlim_cur = 4, .rlim_max = earlier.rlim_max};
  REQUIRE(setrlimit(RLIMIT_FSIZE, &small) == 0);
  part.write("the whole answer");
  REQUIRE(setrlimit(RLIMIT_FSIZE, &earlier) == 0);
  const Batch batch = part.keep("the whole answer", kNow, true);
  CHECK(batch.body == "the whole answer");
  CHECK(batch.storage_error.find("File too large") != std::string::npos);
  spool.commit(batch);
  CHECK(files_in(spool.directory()) == kEmptySpool);
}

TEST_CASE("times read back from their names") {
  CHECK(basic_utc(kNow) == "20261123T190705.123456Z");
  CHECK(rfc3339_utc(kNow) == "2026-11-23T19:07:05.123456Z");
  CHECK(parse_basic_utc("20261123T190705.123456Z") == kNow);
  for (const char* wrong : {"", "20261123T190705Z", "20261123T190705.12345xZ",
                            "20261123T190705.123456", "hello", "20269923T190705.123456Z"}) {
    CHECK_FALSE(parse_basic_utc(wrong));
  }
}

TEST_CASE("how often in a row a queue was found empty is remembered until something comes") {
  const TemporaryDirectory root;
  for (int times = 0; times < 12; ++times) {
    Spool spool = open(root);
    CHECK(spool.times_empty() == times);
    CHECK(Spool::glance(root.path(), kQueue).times_empty == times);
    spool.found_empty();
    CHECK(spool.times_empty() == times + 1);
  }
  open(root).found_otherwise();
  CHECK(open(root).times_empty() == 0);
  CHECK(content(open(root).directory() / "lock").empty());
}

TEST_CASE("a queue found empty for years is remembered as often as it matters") {
  const TemporaryDirectory root;
  Spool spool = open(root);
  for (int i = 0; i < 1'000; ++i) {
    spool.found_empty();
  }
  CHECK(spool.times_empty() == 30);
  CHECK(Spool::glance(root.path(), kQueue).times_empty == 30);
}

TEST_CASE("what a hand left in the lock counts as nothing, and is written over") {
  const TemporaryDirectory root;
  const fs::path lock = open(root).directory() / "lock";
  for (const std::string& text :
       {std::string("31"), std::string("999"), std::string("4294967297"), std::string("-1"),
        std::string("1e1"), std::string(" 20"), std::string("20\n"), std::string("20\0", 3),
        std::string("twenty"), std::string(100'000, '1')}) {
    std::ofstream(lock) << text;
    CHECK(Spool::glance(root.path(), kQueue).times_empty == 0);
    Spool spool = open(root);
    CHECK(spool.times_empty() == 0);
    spool.found_empty();
    CHECK(content(lock) == "1");
  }
}
