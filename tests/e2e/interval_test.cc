// --interval 5s..60s, in short: queues found empty, over several runs of the real binary. What a
// slow machine does later it does less often, so that polls have upper bounds alone; the count in
// the queue's lock says how often it was found empty.

#include <fmt/format.h>
#include <rapidjson/document.h>
#include <sys/stat.h>

#include <chrono>
#include <fstream>
#include <future>
#include <string>

#include "base/file.h"
#include "e2e/world.h"
#include "spool/queue.h"
#include "support/catch.h"

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using namespace ohip::test;
using ohip::sim::parse_fault;

namespace {

const std::string kRequest = "0b9c53f1-2f6c-4e7b-9a8e-1c2d3e4f5a6b";

struct Trickle : World {
  Trickle() {
    environment["OHIP_HOTELS"] = "ABC";
    environment["OHIP_INTERVAL"] = "100ms..1h";
    environment["OHIP_MAX_POLLS_PER_MINUTE"] = "0";
  }

  Result run_for(const char* time) const { return poll({"--run-for", time}); }

  // Where the queue's directory is, after a first poll.
  fs::path queue() const {
    for (const auto& entry : fs::recursive_directory_iterator(spool.path())) {
      if (entry.path().filename() == "lock") {
        return entry.path().parent_path();
      }
    }
    FAIL("no queue was polled");
    return {};
  }
  std::string times_empty() const {
    return ohip::read_file(queue() / "lock", ohip::ExitStatus::kSoftware);
  }
  // As if it had been found so, that long ago.
  void remember(const std::string& times_empty, std::chrono::seconds ago) const {
    std::ofstream(queue() / "lock") << times_empty;
    fs::last_write_time(queue() / "lock", fs::file_time_type::clock::now() - ago);
  }
  std::uint64_t polls() const { return ohip.stats().polls; }
};

}  // namespace

TEST_CASE_METHOD(Trickle,
                 "a queue found empty waits twice as long each time, in the next run too") {
  CHECK(run_for("3s").status == 0);
  const std::uint64_t first = polls();
  CHECK(first >= 2);
  CHECK(first <= 5);  // after 0.2, 0.6, 1.4 and 3 s; every 100 ms it would be 30
  CHECK(times_empty() == std::to_string(first));
  const Result result = run_for("3s");
  CHECK(result.status == 0);
  CHECK(result.err.empty());
  CHECK(polls() - first <= 2);
  CHECK(times_empty() == std::to_string(polls()));
}

TEST_CASE_METHOD(Trickle,
                 "a queue that has events is looked at after the shortest interval again") {
  REQUIRE(poll().status == 0);
  remember("20", 2h);
  ohip.enqueue("ABC", 3);
  const std::uint64_t before = polls();
  CHECK(run_for("3s").status == 0);
  CHECK(values() == handed_out());
  CHECK(values().size() == 3);
  const std::uint64_t looks = polls() - before;
  CHECK(looks >= 2);
  CHECK(times_empty() == std::to_string(looks - 1));
}

TEST_CASE_METHOD(Trickle,
                 "a run that ends before a queue is due leaves it alone, and is no failure") {
  REQUIRE(poll().status == 0);
  remember("20", 0s);
  ohip.enqueue("ABC", 1);
  const Result result = run_for("3s");
  CHECK(result.status == 0);
  CHECK(result.err.empty());
  CHECK(polls() == 1);
  CHECK(times_empty() == "20");
}

TEST_CASE_METHOD(Trickle, "a run with --once or --drain polls a queue whatever its interval says") {
  REQUIRE(poll().status == 0);
  remember("20", 0s);
  CHECK(poll({"--once"}).status == 0);
  CHECK(polls() == 2);
  CHECK(times_empty() == "21");
  ohip.enqueue("ABC", 1);
  CHECK(poll({"--drain"}).status == 0);
  CHECK(polls() == 3);
  CHECK(times_empty().empty());
}

TEST_CASE_METHOD(Trickle, "no clock keeps a queue waiting") {
  const auto ago = GENERATE(-87'600h, 87'600h);  // the last poll lies ten years ahead, or behind
  REQUIRE(poll().status == 0);
  remember("20", ago);
  CHECK(run_for("3s").status == 0);
  CHECK(polls() >= 2);
}

TEST_CASE_METHOD(Trickle, "what waits in the spool is published at once, however long the wait") {
  REQUIRE(poll().status == 0);
  remember("20", 0s);
  std::ofstream(queue() / ("20261123T190705.123456Z-" + kRequest + ".json"))
      << R"({"businessEventData":[{"businessEvent":{},"businessEventId":{"id":"1"}}]})";
  CHECK(run_for("3s").status == 0);
  CHECK(values().size() == 1);
}

TEST_CASE_METHOD(Trickle, "after trouble a queue is looked at soon") {
  REQUIRE(poll().status == 0);
  remember("20", 2h);
  ohip.inject(parse_fault("kind=status&status=503"));
  ohip.enqueue("ABC", 1);
  CHECK(run_for("3s").status == 0);
  CHECK(values().size() == 1);
}

TEST_CASE_METHOD(Trickle, "a queue that comes back into the hotels file is polled at once") {
  const std::string file = spool / "hotels";
  environment.erase("OHIP_HOTELS");
  environment["OHIP_HOTELS_FILE"] = file;
  std::ofstream(file) << "ABC\n";
  REQUIRE(run_for("3s").status == 0);
  std::ofstream(file) << "DEF\n";
  REQUIRE(run_for("3s").status == 0);
  CHECK(ohip.stats().queues["DEF"].polls >= 1);
  const std::uint64_t before = ohip.stats().queues["ABC"].polls;
  std::ofstream(file) << "ABC\nDEF\n";
  REQUIRE(run_for("3s").status == 0);
  CHECK(ohip.stats().queues["ABC"].polls > before);
}

TEST_CASE_METHOD(Trickle, "what another run polled meanwhile is left alone as if this one had") {
  environment["OHIP_INTERVAL"] = "2s..1h";
  auto job = std::async(std::launch::async, [&] { return run_for("6s"); });
  wait_until([&] { return polls() == 1; });
  Result other;
  wait_until([&] {  // the queue is held until its poll is through
    other = poll();
    return polls() == 2;
  });
  CHECK(other.status == 0);
  CHECK(job.get().status == 0);  // due 4 s after its first poll, were it alone
  CHECK(polls() == 2);
  CHECK(times_empty() == "2");
}

TEST_CASE_METHOD(Trickle, "three shards together keep to Oracle's limit by themselves") {
  std::string codes = "H0";
  for (int i = 1; i < 60; ++i) {
    codes += fmt::format(",H{}", i);
  }
  environment["OHIP_HOTELS"] = codes;
  environment["OHIP_INTERVAL"] = "100ms";
  environment.erase("OHIP_MAX_POLLS_PER_MINUTE");
  std::vector<std::future<Result>> shards;
  for (const char* shard : {"0/3", "1/3", "2/3"}) {
    shards.push_back(std::async(std::launch::async, [this, shard] {
      return poll({"--run-for", "4s", "--shard", shard});
    }));
  }
  for (std::future<Result>& shard : shards) {
    CHECK(shard.get().status == 0);
  }
  CHECK(polls() >= 6);
  CHECK(polls() <= 3 * 7);  // each one every 0.6 s, the first at once
}

TEST_CASE_METHOD(Trickle, "the report counts each call that the gateway counts, tokens apart") {
  ohip.inject(parse_fault("kind=status&status=503"));
  ohip.inject(parse_fault("kind=close"));
  ohip.enqueue("ABC", 21);
  rapidjson::Document report;
  report.Parse(poll({"--run-for", "2s", "--report", "json"}).out.c_str());
  REQUIRE(report.IsObject());
  CHECK(report["total"]["polls"].GetUint64() == polls());
  CHECK(report["token_fetches"].GetUint64() == ohip.stats().tokens);
  CHECK(polls() >= 4);
}
