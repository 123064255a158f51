// Many hotels in one run of the real binary.

#include <fmt/format.h>
#include <rapidjson/document.h>

#include <chrono>
#include <future>
#include <set>
#include <string>

#include "base/file.h"
#include "e2e/world.h"
#include "spool/queue.h"
#include "support/catch.h"
#include "support/scripted_server.h"

using namespace std::chrono_literals;
using namespace ohip::test;
using ohip::sim::parse_fault;

namespace {

std::vector<std::string> hotels(int count) {
  std::vector<std::string> codes;
  for (int i = 0; i < count; ++i) {
    codes.push_back(fmt::format("H{:04}", i));
  }
  return codes;
}

std::string list(const std::vector<std::string>& codes) {
  return fmt::format("{}", fmt::join(codes, ","));
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++found;
  }
  return found;
}

rapidjson::Document parse(const std::string& text) {
  rapidjson::Document json;
  json.Parse(text.c_str());
  REQUIRE_FALSE(json.HasParseError());
  return json;
}

// Enough room in Kafka's simulation for the events of a thousand hotels.
struct Chain : World {
  Chain() : World({}, 16) { environment["OHIP_MAX_POLLS_PER_MINUTE"] = "0"; }
};

}  // namespace

TEST_CASE_METHOD(Chain,
                 "of a thousand hotels four have trouble: the others are delivered whole, and each "
                 "trouble is told once") {
  const std::vector<std::string> codes = hotels(1'000);
  std::set<std::string> expected;
  for (const std::string& code : codes) {
    if (code == "H0400") {
      ohip.enqueue_answer(code, "<html>no events today</html>");
    } else {
      ohip.enqueue(code, 20);
    }
  }
  ohip.inject(parse_fault("kind=status&status=500&hotel=H0100"));
  ohip.inject(parse_fault("kind=delay&ms=60000&hotel=H0200"));
  ohip.inject(parse_fault("kind=status&status=403&hotel=H0300"));
  const Result result = poll({"--hotel", list(codes), "--poll-timeout", "3s"});
  CHECK(result.status == 76);
  for (const char* trouble : {"hotel H0100: OHIP answers 500", "hotel H0200: OHIP was asked",
                              "hotel H0300: OHIP answers 403", "hotel H0400: OHIP's response"}) {
    CHECK(count(result.err, trouble) == 1);
  }
  CHECK(count(result.err, "error: ") == 4);
  for (const std::string& code : codes) {
    if (code != "H0200" && code != "H0400") {
      const std::vector<std::string> events = handed_out(code);
      expected.insert(events.begin(), events.end());
    }
  }
  const std::vector<std::string> arrived = values();
  CHECK(arrived.size() == 996 * 20);
  CHECK(std::set<std::string>(arrived.begin(), arrived.end()) == expected);
  CHECK(ohip.stats().polls == 1'000);
  CHECK(ohip.stats().tokens == 1);
}

TEST_CASE_METHOD(World, "three shards together poll each hotel exactly once") {
  const std::vector<std::string> codes = hotels(50);
  environment["OHIP_MAX_POLLS_PER_MINUTE"] = "0";
  environment["OHIP_HOTELS"] = list(codes);
  CHECK(poll({"--shard", "0/3"}).status == 0);
  CHECK(ohip.stats().polls < 40);
  environment["JOB_COMPLETION_INDEX"] = "1";
  CHECK(poll({"--shard", "/3"}).status == 0);
  CHECK(poll({"--shard", "2/3"}).status == 0);
  CHECK(ohip.stats().queues.size() == 50);
  for (const auto& [code, queue] : ohip.stats().queues) {
    CHECK(queue.polls == 1);
  }
}

TEST_CASE_METHOD(World, "a shard without hotels has nothing to do") {
  for (const char* shard : {"0/2", "1/2"}) {
    CHECK(poll({"--hotel", "ABC", "--shard", shard}).status == 0);
  }
  CHECK(ohip.stats().polls == 1);
}

TEST_CASE_METHOD(World, "hotels that the pace leaves no time for come first in the next run") {
  environment["OHIP_HOTELS"] = list(hotels(6));
  environment["OHIP_MAX_POLLS_PER_MINUTE"] = "120";
  for (std::uint64_t polls = 0; polls < 6; polls = ohip.stats().polls) {
    const Result result = poll({"--deadline", "1200ms"});
    CHECK(result.status == 0);
    CHECK(result.err.empty());
    REQUIRE(ohip.stats().polls > polls);
    CHECK(ohip.stats().polls <= polls + 3);
  }
  for (const auto& [code, queue] : ohip.stats().queues) {
    CHECK(queue.polls >= 1);
    CHECK(queue.polls <= 2);  // none twice before all once
  }
}

TEST_CASE_METHOD(World, "a hotel with a backlog does not keep the others from their turn") {
  ohip.enqueue("AAA", 200);
  for (const char* code : {"BBB", "CCC", "DDD"}) {
    ohip.enqueue(code, 1);
  }
  const Result result = poll({"--drain", "--hotel", "AAA,BBB,CCC,DDD", "--jobs", "1",
                              "--max-polls-per-minute", "120", "--deadline", "4s"});
  CHECK(result.status == 0);
  for (const char* code : {"BBB", "CCC", "DDD"}) {
    CHECK(ohip.handed_out(code).size() == 1);
  }
  CHECK(ohip.stats().queues["AAA"].polls >= 2);
  CHECK(ohip.stats().queues["AAA"].outstanding > 0);
}

TEST_CASE_METHOD(World, "a hotel that OHIP keeps waiting does not keep the others waiting") {
  ohip.inject(parse_fault("kind=delay&ms=20000&hotel=AAA"));
  ohip.enqueue("AAA", 1);
  ohip.enqueue("BBB", 20);
  auto job = std::async(std::launch::async, [&] { return poll({"--hotel", "AAA,BBB"}); });
  while (values().size() < 20) {
    REQUIRE(job.wait_for(10ms) == std::future_status::timeout);
  }
  CHECK(job.get().status == 0);
  CHECK(values().size() == 21);
}

TEST_CASE_METHOD(World, "one hotel's 429 slows all down, and nothing is lost") {
  ohip.inject(parse_fault("kind=status&status=429&retry-after=2&hotel=BBB"));
  for (const char* code : {"AAA", "BBB", "CCC"}) {
    ohip.enqueue(code, 5);
  }
  const auto begin = std::chrono::steady_clock::now();
  const Result result = poll({"--hotel", "AAA,BBB,CCC", "--report", "json"});
  CHECK(result.status == 0);
  CHECK(result.err.empty());
  CHECK(std::chrono::steady_clock::now() - begin >= 2s);
  CHECK(values().size() == 15);
  CHECK(parse(result.out)["total"]["throttled"].GetInt() == 1);
}

TEST_CASE_METHOD(World,
                 "a gateway that throttles beyond the deadline is unavailable, nothing is "
                 "lost") {
  ohip.inject(parse_fault("kind=status&status=429&retry-after=60&count=10"));
  ohip.enqueue("ABC", 5);
  CHECK(poll({"--hotel", "ABC", "--deadline", "5s"}).status == 69);
  CHECK(ohip.stats().polls == 1);
  CHECK(ohip.handed_out("ABC").empty());
}

TEST_CASE_METHOD(World, "a run for some time delivers what comes while it runs, at its interval") {
  auto job = std::async(std::launch::async, [&] {
    return poll({"--run-for", "8s", "--interval", "500ms", "--hotel", "ABC,DEF"});
  });
  for (std::uint64_t looks = 1; looks <= 5; ++looks) {
    while (ohip.stats().queues["ABC"].polls < looks) {
      REQUIRE(job.wait_for(10ms) == std::future_status::timeout);
    }
    ohip.enqueue("ABC", 1);
  }
  const Result result = job.get();
  CHECK(result.status == 0);
  CHECK(result.err.empty());
  CHECK(values().size() == 5);
  CHECK(values() == handed_out());
  for (const auto& [code, queue] : ohip.stats().queues) {
    CHECK(queue.polls <= 17);
  }
}

TEST_CASE_METHOD(World, "unavailability that passes within a run for some time is no failure") {
  ohip.enqueue("ABC", 3);
  ohip.inject(parse_fault("kind=status&status=503"));
  const Result result = poll({"--run-for", "5s", "--interval", "200ms", "--hotel", "ABC"});
  CHECK(result.status == 0);
  CHECK(result.err.empty());
  CHECK(values().size() == 3);
}

TEST_CASE_METHOD(World, "refused credentials are not tried again in a run for some time") {
  environment["OHIP_CLIENT_SECRET"] = "hunter2";
  CHECK(poll({"--run-for", "1s", "--interval", "100ms", "--hotel", "ABC,DEF"}).status == 77);
  CHECK(ohip.stats().token_refusals == 1);
}

TEST_CASE_METHOD(World, "the report says per hotel what was done, under which request ids") {
  ohip.enqueue("ABC", 25);
  const Result result = poll({"--drain", "--hotel", "ABC,DEF", "--report", "json"});
  const rapidjson::Document report = parse(result.out);
  CHECK(report["status"].GetInt() == 0);
  CHECK(report["token_fetches"].GetInt() == 1);
  CHECK(report["total"]["polls"].GetInt() == 3);
  for (const auto& queue : report["queues"].GetArray()) {
    const bool has_events = queue["hotel"].GetString() == std::string("ABC");
    CHECK(queue["delivered"].GetInt() == (has_events ? 25 : 0));
    CHECK(queue["request_ids"].Size() == (has_events ? 2U : 1U));
    CHECK(queue["seconds"]["poll"].GetDouble() > 0);
  }
}

TEST_CASE_METHOD(World, "unavailability is told only when it has lasted for --alert-after") {
  const std::vector<std::string> run = {"--hotel", "ABC", "--alert-after", "1h"};
  environment["KAFKA_BOOTSTRAP_SERVERS"] = "127.0.0.1:1";
  Result result = poll(run);
  CHECK(result.status == 0);
  CHECK(result.err.empty());
  const auto since =
      ohip::QueueName{ohip.url(), "OHIPDEMO", "ABC"}.directory(spool.path()) / "unserved";
  REQUIRE(std::filesystem::exists(since));
  std::filesystem::last_write_time(since, std::filesystem::file_time_type::clock::now() - 2h);
  result = poll(run);
  CHECK(result.status == 69);
  CHECK(count(result.err, "error: ") == 1);
  environment["KAFKA_BOOTSTRAP_SERVERS"] = kafka.bootstrap();
  CHECK(poll(run).status == 0);
  CHECK_FALSE(std::filesystem::exists(since));
}

TEST_CASE_METHOD(World, "what needs a person is told at once, whatever --alert-after says") {
  environment["OHIP_CLIENT_SECRET"] = "hunter2";
  CHECK(poll({"--hotel", "ABC", "--alert-after", "1h"}).status == 77);
}

TEST_CASE_METHOD(World, "the metrics file has the figures of run after run") {
  const auto file = spool / "ohip.prom";
  const std::vector<std::string> run = {"--hotel", "ABC", "--metrics-file", file.string()};
  ohip.enqueue("ABC", 3);
  CHECK(poll(run).status == 0);
  ohip.enqueue("ABC", 4);
  CHECK(poll(run).status == 0);
  const std::string text = ohip::read_file(file, ohip::ExitStatus::kOk);
  CHECK(count(text, "\nohip_poll_events_delivered_total{file=\"ohip.prom\",hotel=\"ABC\"} 7\n") ==
        1);
  CHECK(count(text, "\nohip_poll_runs_total{file=\"ohip.prom\",status=\"0\"} 2\n") == 1);
}

TEST_CASE_METHOD(World, "metrics that cannot be written are a warning and no failure") {
  ohip.enqueue("ABC", 3);
  const Result result = poll({"--hotel", "ABC", "--metrics-file", "/proc/none/ohip.prom"});
  CHECK(result.status == 0);
  CHECK(count(result.err, "warning: the metrics are not written: ") == 1);
  CHECK(values().size() == 3);
}

TEST_CASE_METHOD(World, "a watchdog hears when a run begins and how it ends, under one id") {
  ScriptedServer watchdog({answer("200 OK", "OK"), answer("200 OK", "OK")});
  environment["OHIP_PING_URL"] = watchdog.url() + "/uuid";
  environment["KAFKA_BOOTSTRAP_SERVERS"] = "127.0.0.1:1";
  CHECK(poll({"--hotel", "ABC"}).status == 69);
  const std::vector<std::string> pings = watchdog.requests();
  REQUIRE(pings.size() == 2);
  CHECK(pings[0].starts_with("GET /uuid/start?rid="));
  CHECK(pings[1].starts_with("GET /uuid/69?rid="));
  CHECK(pings[0].substr(20, 36) == pings[1].substr(17, 36));
}

TEST_CASE_METHOD(World, "a watchdog that is not there changes nothing, and its URL is not told") {
  ohip.enqueue("ABC", 3);
  environment["OHIP_PING_URL"] = "http://127.0.0.1:1/secret-uuid";
  const Result result = poll({"--hotel", "ABC", "-v"});
  CHECK(result.status == 0);
  CHECK(values().size() == 3);
  CHECK(count(result.err, "the watchdog did not take the ping") == 2);
  CHECK(count(result.err, "secret-uuid") == 0);
}

TEST_CASE_METHOD(World,
                 "a log in JSON has one object a line, with the run, the queue and the "
                 "request") {
  ohip.inject(parse_fault("kind=status&status=503"));
  const Result result = poll({"--hotel", "ABC", "--log-format", "json", "--report", "json"});
  REQUIRE(result.status == 69);
  CHECK(count(result.err, "\n") == 1);
  const rapidjson::Document line = parse(result.err);
  CHECK(line["level"].GetString() == std::string("error"));
  CHECK(line["run"].GetString() == std::string(parse(result.out)["run"].GetString()));
  CHECK(line["queue"].GetString() == std::string("hotel ABC"));
  CHECK(line["status"].GetInt() == 69);
  CHECK(std::string(line["detail"].GetString()).starts_with("x-request-id "));
  CHECK(line.HasMember("hint"));
}
