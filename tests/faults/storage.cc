// The storage fails: injected into each call on the spool, and for real on a small disk.

#include <fmt/format.h>
#include <sys/mount.h>
#include <sys/statvfs.h>

#include <csignal>
#include <fstream>
#include <map>
#include <set>

#include "faults/classes.h"
#include "faults/trace.h"

namespace ohip::faults {
namespace fs = std::filesystem;
namespace {

// What each call can answer, by its manual page.
const std::map<std::string, std::vector<std::string>> kErrors = {
    {"openat", {"ENOSPC", "EACCES", "EROFS", "EMFILE", "EDQUOT"}},
    {"mkdir", {"ENOSPC", "EACCES", "EROFS", "EDQUOT"}},
    {"flock", {"ENOLCK"}},
    {"getdents64", {"EIO"}},
    {"newfstatat", {"EIO", "EACCES"}},
    {"read", {"EIO"}},
    {"fallocate", {"ENOSPC", "EIO", "EDQUOT"}},
    {"write", {"ENOSPC", "EIO", "EDQUOT"}},
    {"ftruncate", {"EIO"}},
    {"fsync", {"EIO", "ENOSPC", "EDQUOT"}},
    {"rename", {"ENOSPC", "EIO", "EROFS", "EACCES", "EDQUOT"}},
    {"unlink", {"EIO", "EROFS", "EACCES"}},
    {"close", {"EIO"}},
};

// The poll is sent while the storage answers, or it is not sent.
// mute: not even the message can be written.
void check_promises(Case& one, const test::Result& broken, bool mute) {
  if (one.polls() == 0) {
    one.expect(broken.status == 74, "nothing was taken: exit 74");
  } else {
    one.expect(broken.status == 74 || broken.status == 0, "taken and delivered: exit 74, or 0");
  }
  if (broken.status == 0) {
    one.expect(broken.err.empty(), "silence where nothing is wrong");
  } else if (!mute) {
    one.expect(contains(broken.err, one.spool.string()), "the message names the file");
  }
}

void fail_calls(Row& row, std::size_t batches, bool for_good, std::size_t stride) {
  Stage stage;
  Row scratch{"clean"};
  Case clean(stage, scratch, "clean run");
  clean.preload(batches);
  stage.ohip.enqueue(kHotel, 20);
  std::size_t place = 0;
  for (const Call& call : trace(clean, {"--once"}, Threads::kMain)) {
    const auto errors = kErrors.find(call.name);
    if (!call.storage || errors == kErrors.end()) {
      continue;
    }
    for (const std::string& error : errors->second) {
      if (place++ % stride != 0) {
        continue;
      }
      Case one(stage, row,
               fmt::format("{} {}{}: {}", call.name, call.ordinal, for_good ? "+" : "", error));
      one.preload(batches);
      stage.ohip.enqueue(kHotel, 20);
      check_promises(
          one, one.run({"--once"}, break_at(call, "error=" + error, Threads::kMain, for_good)),
          for_good && call.name == "write");
      one.settle({0});
    }
  }
}

void fail_everywhere(Row& row, bool for_good, std::size_t stride) {
  fail_calls(row, 0, for_good, stride);
  fail_calls(row, 1, for_good, stride);
}

// Calls that nothing but the spool depends on; another thread's n-th one is the first thread's,
// too.
bool is_storage_alone(const Call& call) {
  return call.storage && kErrors.contains(call.name) && call.name != "openat" &&
         call.name != "read" && call.name != "close" && call.name != "newfstatat";
}

// Two queues at once, and each batch delivered on another thread than took it.
void fail_threads(Row& row, bool for_good, std::size_t stride) {
  const std::vector<std::string> hotels = {kHotel, "DEF"};
  const std::set<int> statuses = {0, 65, 69, 74, 75, 76};
  Stage stage;
  int rejects = 0;
  const auto prepare = [&](Case& one) {
    one.preload(1);
    for (const std::string& hotel : hotels) {
      stage.ohip.enqueue_event(hotel, fmt::format(R"({{"businessEvent":{{"x":{}}}}})", ++rejects));
    }
    one.enqueue(44);
  };
  Row scratch{"clean"};
  Case clean(stage, scratch, "clean run", hotels);
  prepare(clean);
  std::size_t place = 0;
  for (const Call& call : trace(clean, {"--drain"}, Threads::kAll)) {
    if (!is_storage_alone(call) || place++ % stride != 0) {
      continue;
    }
    const std::string& error = kErrors.at(call.name).front();
    Case one(stage, row,
             fmt::format("{} {}{}: {}", call.name, call.ordinal, for_good ? "+" : "", error),
             hotels);
    prepare(one);
    const test::Result broken =
        one.run({"--drain"}, break_at(call, "error=" + error, Threads::kAll, for_good));
    one.expect(statuses.contains(broken.status), "the contract's exit status");
    one.settle({0, 65, 76});
  }
}

// A file system of its own below the spool, gone with the object; needs root.
class SmallDisk {
 public:
  SmallDisk(const fs::path& where, const std::string& options) : where_(where) {
    fs::create_directories(where);
    mounted_ = mount("tmpfs", where.c_str(), "tmpfs", 0, (options + ",mode=0755").c_str()) == 0;
  }
  ~SmallDisk() {
    if (mounted_) {
      umount(where_.c_str());
    }
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  bool mounted() const { return mounted_; }

 private:
  fs::path where_;
  bool mounted_;
};

std::string large_event(int id) {
  return fmt::format(R"({{"businessEvent":{{"x":"{}"}},"businessEventId":{{"id":"{}"}}}})",
                     std::string(600'000, 'x'), id);
}

}  // namespace

void storage_once(Row& row, std::size_t stride) {
  fail_everywhere(row, false, stride);
}

void storage_for_good(Row& row, std::size_t stride) {
  fail_everywhere(row, true, stride);
}

void storage_threads(Row& row, std::size_t stride) {
  fail_threads(row, false, stride);
  fail_threads(row, true, stride);
}

void storage_full(Row& row, std::size_t /*stride*/) {
  // Whether there is room for an answer of usual size, and so a poll.
  const std::vector<std::pair<std::string, std::size_t>> disks = {{"size=64k", 0},
                                                                  {"size=1m", 0},
                                                                  {"size=10m", 0},
                                                                  {"size=10300k", 1},
                                                                  {"size=20m,nr_inodes=8", 0}};
  Stage stage;
  for (const auto& [size, polls] : disks) {
    Case one(stage, row, fmt::format("a disk of {}", size));
    {
      const SmallDisk disk(one.spool, size);
      one.environment["KAFKA_COMPRESSION_TYPE"] = "gzip";  // its simulation holds 5 MB
      if (!disk.mounted()) {
        fmt::print("  not tried: a disk that is really full needs root\n");
        ++row.cases;
        return;
      }
      for (int i = 0; i < 20; ++i) {  // 12 MB: more than is reserved
        stage.ohip.enqueue_event(kHotel, large_event(static_cast<int>(row.cases) * 100 + i));
      }
      const test::Result broken = one.run();
      one.expect(one.polls() == polls, fmt::format("{} polls, not {}", polls, one.polls()));
      one.expect(broken.status == 74 && contains(broken.err, "No space left"), "exit 74");
      one.expect(one.arrived().size() == one.handed_out().size(), "from memory to Kafka");
    }
    one.settle({0});
  }
}

}  // namespace ohip::faults
