// ohip-stream where OHIP, Kafka or a person is in its way.

#include <fmt/format.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/digest.h"
#include "config/url.h"
#include "e2e/stream_world.h"
#include "kafka/group_client.h"
#include "spool/queue.h"
#include "support/catch.h"

namespace ohip::test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::string content(const fs::path& file) {
  std::stringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

void wait_for(const std::function<bool()>& what) {
  for (const auto end = std::chrono::steady_clock::now() + 60s;
       !what() && std::chrono::steady_clock::now() < end;) {
    std::this_thread::sleep_for(20ms);
  }
  REQUIRE(what());
}

struct Trouble : StreamWorld {
  Trouble() : StreamWorld(options()) {}

  // An OHIP that asks for no pause between subscriptions.
  static sim::Options options() {
    sim::Options options;
    options.resubscribe_wait = 0ms;
    return options;
  }

  // At once, though the position says that OHIP asks for a pause.
  Result drain() {
    if (std::optional<GroupOffset> committed = position()) {
      const std::string not_before = R"(,"not_before":")";
      if (const auto at = committed->metadata.find(not_before); at != std::string::npos) {
        const auto end = committed->metadata.find('"', at + not_before.size());
        committed->metadata.erase(at, end + 1 - at);
        set_position(*committed);
      }
    }
    return stream({"--drain", "--chain", kChain});
  }

  // Where nothing can be written, as in a container's root.
  void without_a_spool() {
    environment.erase("OHIP_SPOOL_DIR");
    environment["STATE_DIRECTORY"] = "/proc/none";
  }

  void inject(const std::string& parameters, const std::string& body = {}) {
    ohip.inject(sim::parse_fault(parameters, body));
  }

  std::vector<std::string> quarantined(const std::string& extension) const {
    std::vector<std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(spool.path() / "spool")) {
      if (entry.path().parent_path().filename() == "quarantine" &&
          entry.path().extension() == extension) {
        files.push_back(content(entry.path()));
      }
    }
    return files;
  }

  // The position, as another version of the program or a tool may have left it.
  GroupPlace place() const {
    const std::string hash = sha256_hex(ohip.options().app_key);
    return {fmt::format("ohip-stream/{}/{}/{}", escape_name(parse_gateway_url(ohip.url()).name),
                        hash.substr(hash.size() - 12), kChain),
            kTopic};
  }
  std::optional<GroupOffset> position() const { return group().ask(20'000ms); }
  void set_position(const GroupOffset& offset) const { group().commit(offset, 20'000ms); }

 private:
  GroupClient group() const {
    static const Log quiet(LogLevel::kError);
    return {{{"bootstrap.servers", kafka.bootstrap()}}, place(), false, quiet};
  }
};

}  // namespace

TEST_CASE("what is no event goes aside, durably or told, and all that is one arrives") {
  Trouble world;
  world.add(20);
  world.inject("kind=message&on=event&after=3", "this is {no JSON");
  world.inject("kind=message&on=event&after=5",
               R"({"id":"$id","type":"next","payload":{"data":null,"errors":)"
               R"([{"message":"could not be made"}]}})");
  world.inject("kind=message&on=event&after=7",
               R"({"id":"$id","type":"next","payload":{"data":{"newEvent":{"metadata":)"
               R"({"offset":"5"},"primaryKey":"nobody"}}}})");
  const bool kept = GENERATE(true, false);
  if (!kept) {
    world.without_a_spool();
  }
  const Result result = world.drain();
  INFO(result.err);
  CHECK(result.status == 65);
  CHECK(world.has_all());
  CHECK(contains(result.err, "valid JSON"));
  CHECK(contains(result.err, "could not be made"));
  CHECK(contains(result.err, "uniqueEventId"));
  if (kept) {
    CHECK(world.quarantined(".json").size() == 3);
    CHECK(world.quarantined(".reason").size() == 3);
  } else {
    CHECK(contains(result.err, "offset 5"));
    CHECK(contains(result.err, "--from OFFSET"));
  }
  CHECK(world.drain().status == 0);  // once is enough
  CHECK(world.has_all());
}

TEST_CASE("an event larger than Kafka takes goes aside whole, and blocks no other") {
  Trouble world;
  world.add(5);
  const std::string large = fmt::format(
      R"({{"moduleName":"RESERVATION","eventName":"UPDATE RESERVATION","primaryKey":"7",)"
      R"("timestamp":"2026-11-24T08:00:00","hotelId":"ABC","detail":[{{"newValue":"{}"}}]}})",
      std::string(std::size_t{20} << 20, 'x'));
  world.ohip.streaming().add(kChain, [&](sim::Stream& stream) {
    stream.add(large, true, std::chrono::system_clock::now());
  });
  world.add(5);
  const Result result = world.drain();
  INFO(result.err);
  CHECK(result.status == 65);
  CHECK(world.values().size() == 10);
  REQUIRE(world.quarantined(".json").size() == 1);
  const std::string aside = world.quarantined(".json").front();
  const std::vector<std::string> held = world.held();
  CHECK(std::count(held.begin(), held.end(), aside) == 1);
}

TEST_CASE("an event of another subscription is nobody's, and the next subscription has all") {
  Trouble world;
  world.add(20);
  world.inject("kind=message&on=event&after=10",
               R"({"id":"another","type":"next","payload":{"data":{"newEvent":{"metadata":)"
               R"({"offset":"5","uniqueEventId":"x"}}}}})");
  const Result result = world.drain();
  INFO(result.err);
  CHECK(world.drain().status == 0);
  CHECK(world.has_all());
}

TEST_CASE("a web socket that OHIP refuses is told once, with what to do") {
  struct Answer {
    int http;
    int status;
    const char* words;
  };
  const Answer answer =
      GENERATE(Answer{400, 78, "streaming is enabled"}, Answer{401, 77, "portal"},
               Answer{403, 77, "portal"}, Answer{404, 78, "OHIP_STREAM_PATH"},
               Answer{429, 69, "429"}, Answer{503, 69, "503"}, Answer{302, 78, "OHIP_GATEWAY_URL"});
  Trouble world;
  world.add(5);
  world.inject(fmt::format("kind=status&on=upgrade&count=9&status={}", answer.http));
  const Result result = world.stream({"--run-for", "2s", "--chain", kChain});
  INFO(answer.http << ": " << result.err);
  CHECK(result.status == answer.status);
  CHECK(contains(result.err, answer.words));
  CHECK(contains(result.err, "Something went wrong on demand"));  // the server's words
  CHECK(world.ohip.stats().tokens == 1);
  CHECK(world.values().empty());
}

TEST_CASE("a subscription that OHIP closes ends the run with what the code means") {
  struct Code {
    int code;
    int status;
    const char* words;
  };
  const Code code = GENERATE(Code{4400, 78, "OHIP_CHAIN"}, Code{4403, 77, "portal"},
                             Code{4406, 70, "sub-protocol"}, Code{4409, 69, "second consumer"},
                             Code{4429, 70, "twice"}, Code{1011, 69, "1011"});
  Trouble world;
  world.add(5);
  world.inject(fmt::format("kind=code&on=subscribe&count=9&code={}&reason=its+words", code.code));
  const Result result = world.stream({"--run-for", "2s", "--chain", kChain});
  INFO(code.code << ": " << result.err);
  CHECK(result.status == code.status);
  CHECK(contains(result.err, code.words));
  CHECK(contains(result.err, "its words"));
  CHECK(world.ohip.streaming().stats().upgrades == 1);
  CHECK(world.values().empty());
}

TEST_CASE("a token that OHIP no longer takes is fetched anew, once") {
  Trouble world;
  world.add(5);
  const int refusals = GENERATE(1, 9);
  world.inject(fmt::format("kind=code&on=init&code=4401&count={}", refusals));
  const Result result = world.drain();
  INFO(result.err);
  CHECK(world.ohip.stats().tokens == 2);
  CHECK(world.ohip.streaming().stats().upgrades == 2);
  CHECK(result.status == (refusals == 1 ? 0 : 77));
  CHECK(world.values().size() == (refusals == 1 ? 5U : 0U));
}

TEST_CASE("a second machine is turned away and says so, while the first one goes on") {
  Trouble world;
  world.add(5);
  Process first(world.command({"--run-for", "10m"}), world.environment, world.spool / "out",
                world.spool / "err");
  wait_for([&] { return world.values().size() == 5; });
  world.environment["OHIP_SPOOL_DIR"] = world.spool / "elsewhere";
  // The position does not say that the first has ended, so the second waits before it asks OHIP.
  const Result second = world.stream({"--run-for", "15s", "--chain", kChain});
  INFO(second.err);
  CHECK(second.status == 69);
  CHECK(contains(second.err, "second consumer"));
  world.environment["OHIP_ALERT_AFTER"] = "1h";
  const Result quiet = world.stream({"--run-for", "2s", "--chain", kChain});
  CHECK(quiet.status == 0);
  CHECK(quiet.err.empty());
  world.add(5);
  wait_for([&] { return world.values().size() == 10; });
  first.signal(SIGTERM);
  CHECK(first.wait() == 0);
  CHECK(world.has_all());
}

TEST_CASE("a signal amid a flood ends the subscription as Oracle asks, and nothing is missing") {
  Trouble world;
  world.add(12'000);
  world.inject("kind=delay&on=event&after=8000&ms=2000");
  Process run(world.command({"--run-for", "10m"}), world.environment, world.spool / "out",
              world.spool / "err");
  wait_for([&] { return world.ohip.streaming().stats().streams[kChain].sent > 4'000; });
  run.signal(GENERATE(SIGTERM, SIGINT));
  CHECK(run.wait() == 0);
  CHECK(content(world.spool / "err").empty());
  const sim::StreamingStats stats = world.ohip.streaming().stats();
  CHECK(stats.closes == std::map<std::uint16_t, std::uint64_t>{{1000, 1}});
  const Result rest = world.drain();
  INFO(rest.err);
  CHECK(rest.status == 0);
  CHECK(world.has_all());
}

TEST_CASE("a gap that cannot be excluded is told, with both times") {
  Trouble world;
  world.add(5);
  REQUIRE(world.drain().status == 0);
  const std::string old = basic_utc(
      std::chrono::floor<TimePoint::duration>(std::chrono::system_clock::now() - 8 * 24h));
  world.set_position({100, fmt::format(R"({{"v":1,"offset":"100","id":"gone","received":"{0}",)"
                                       R"("quiet":"{0}","ended":"complete"}})",
                                       old)});
  const Result result = world.drain();
  INFO(result.err);
  CHECK(result.status == 76);
  CHECK(contains(result.err, "may be missing"));
  CHECK(contains(result.err, rfc3339_utc(parse_basic_utc(old).value())));
  CHECK(contains(result.err, "offset 100"));
  CHECK(world.drain().status == 0);  // told once
}

TEST_CASE("a position that another version wrote is used or refused, never passed over") {
  Trouble world;
  world.add(5);
  REQUIRE(world.drain().status == 0);
  const GroupOffset before = world.position().value();
  SECTION("members that this one does not know are kept") {
    GroupOffset newer = before;
    newer.metadata.replace(newer.metadata.size() - 1, 1, R"(,"later":{"a":[1]}})");
    world.set_position(newer);
    world.add(5);
    CHECK(world.drain().status == 0);
    CHECK(world.has_all());
    CHECK(contains(world.position().value().metadata, R"("later":{"a":[1]})"));
  }
  SECTION("what is none of ours stops the run before anything is taken") {
    world.set_position({7, "written by hand"});
    world.add(5);
    const Result result = world.drain();
    INFO(result.err);
    CHECK(result.status == 78);
    CHECK(contains(result.err, "--from"));
    CHECK(world.values().size() == 5);
    CHECK(world.ohip.streaming().stats().upgrades == 1);
  }
  SECTION("a number alone is OHIP's offset: the metadata was not kept") {
    world.set_position({before.number, ""});
    world.add(5);
    CHECK(world.drain().status == 0);
    CHECK(world.has_all());
  }
}

TEST_CASE("a replay of some hotels leaves the position where it is") {
  Trouble world;
  world.add(10);
  REQUIRE(world.drain().status == 0);
  const GroupOffset before = world.position().value();
  const Result result =
      world.stream({"--drain", "--chain", kChain, "--hotel", "ABC", "--from", "193"});
  INFO(result.err);
  CHECK(result.status == 0);
  CHECK(world.values().size() == 20);
  CHECK(world.position() == before);
  world.add(3);
  CHECK(world.drain().status == 0);
  CHECK(world.values().size() == 23);
}

TEST_CASE(
    "a run begins elsewhere where it is told so, once: at an offset, or at the newest event") {
  Trouble world;
  world.add(10);
  SECTION("highest: the newest event, and what comes from now on") {
    const Result result = world.stream({"--drain", "--chain", kChain, "--from", "highest"});
    INFO(result.err);
    CHECK(result.status == 0);
    CHECK(world.values().size() == 1);
  }
  SECTION("an offset: that event and those behind it, and the next run goes on") {
    REQUIRE(world.drain().status == 0);
    const std::string fifth = world.ohip.streaming().held_ids(kChain)[5];
    const Result result =
        world.stream({"--drain", "--chain", kChain, "--from", fifth.substr(0, fifth.find(' '))});
    INFO(result.err);
    CHECK(result.status == 0);
    CHECK(world.values().size() == 15);
    CHECK(world.drain().status == 0);
    CHECK(world.values().size() == 15);
  }
}

TEST_CASE("the report counts what was streamed by type, and how connections ended") {
  Trouble world;
  world.add(20);
  const Result result = world.stream({"--drain", "--chain", kChain, "--report", "json"});
  INFO(result.out << result.err);
  CHECK(result.status == 0);
  CHECK(contains(result.out, R"("delivered":20)"));
  CHECK(contains(result.out, R"("delivered_by_type":{"com.oracle.opera.)"));
  CHECK(contains(result.out, R"("closes":{"1000":1})"));
}

}  // namespace ohip::test
