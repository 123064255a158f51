#include "report/report.h"

#include <rapidjson/document.h>

#include <new>

#include "support/catch.h"

using namespace ohip;
using namespace std::chrono_literals;

namespace {

Error problem(ExitStatus status) {
  return Error(status, "what: why", "do this", "x-request-id 1");
}

rapidjson::Document parse(const RunReport& report) {
  rapidjson::Document json;
  json.Parse(to_json(report).c_str());
  REQUIRE_FALSE(json.HasParseError());
  return json;
}

}  // namespace

TEST_CASE("a run's report is one JSON object with all that happened, by hotel") {
  RunReport report;
  report.run_id = "run-1";
  report.begin = TimePoint(1'795'460'825s);
  report.duration = 1'250ms;
  report.status = ExitStatus::kQuarantine;
  report.token_fetches = 1;
  for (const char* hotel : {"ABC", "DEF"}) {
    QueueReport queue;
    queue.hotel = hotel;
    queue.polls = 2;
    queue.taken = 21;
    queue.delivered = 20;
    queue.repeated = 4;
    queue.steps.poll = 1'500us;
    queue.request_ids = {"id-1", "id-2"};
    queue.add(problem(ExitStatus::kQuarantine));
    report.queues.push_back(queue);
  }
  const rapidjson::Document json = parse(report);
  CHECK(json["run"].GetString() == std::string("run-1"));
  CHECK(json["begin"].GetString() == std::string("2026-11-23T19:07:05.000000Z"));
  CHECK(json["duration"].GetDouble() == 1.25);
  CHECK(json["status"].GetInt() == 65);
  CHECK(json["version"].IsString());
  CHECK(json["total"]["queues"].GetInt() == 2);
  CHECK(json["total"]["taken"].GetInt() == 42);
  CHECK(json["total"]["delivered"].GetInt() == 40);
  CHECK(json["queues"][1]["hotel"].GetString() == std::string("DEF"));
  CHECK(json["queues"][1]["status"].GetInt() == 65);
  CHECK(json["queues"][1]["duplicates_possible"].GetInt() == 4);
  CHECK(json["queues"][1]["seconds"]["poll"].GetDouble() == 0.0015);
  CHECK(json["queues"][1]["request_ids"][1].GetString() == std::string("id-2"));
  CHECK(json["queues"][1]["problems"][0]["message"].GetString() == std::string("what: why"));
  CHECK(json["queues"][1]["problems"][0]["hint"].GetString() == std::string("do this"));
  CHECK(json["queues"][1]["problems"][0]["detail"].GetString() == std::string("x-request-id 1"));
}

TEST_CASE("what others wrote into a problem leaves the report plain and of a readable length") {
  RunReport report;
  report.problems.push_back(
      Error(ExitStatus::kRefused, "SASL: \x1b[2J\xff" + std::string(100'000, 'x')));
  const std::string message = parse(report)["problems"][0]["message"].GetString();
  CHECK(message.starts_with("SASL: \\x1b[2J\\xffxxx"));
  CHECK(message.size() <= 2'000);
}

TEST_CASE("an exception is a problem of whoever had it, whatever it is") {
  QueueReport report;
  try {
    throw Error(ExitStatus::kPossibleLoss, "what: why");
  } catch (...) {
    report.add_exception();
  }
  CHECK(report.status == ExitStatus::kPossibleLoss);
  try {
    throw std::bad_alloc();
  } catch (...) {
    report.add_exception();
  }
  CHECK(report.status == ExitStatus::kPossibleLoss);
  REQUIRE(report.problems.size() == 2);
  CHECK(report.problems[1].status() == ExitStatus::kSoftware);
  CHECK(report.problems[1].what() == std::string("there is no memory left"));
}

TEST_CASE("unavailability that has passed within the run is forgotten, nothing else is") {
  QueueReport report;
  QueueReport look;
  look.add(problem(ExitStatus::kUnavailable));
  look.add(problem(ExitStatus::kPossibleLoss));
  report.add(look);
  CHECK(report.status == ExitStatus::kPossibleLoss);
  QueueReport idle;
  idle.held = true;
  report.add(idle);
  CHECK(report.problems.size() == 2);
  report.add(QueueReport());
  REQUIRE(report.problems.size() == 1);
  CHECK(report.problems[0].status() == ExitStatus::kPossibleLoss);
  CHECK(report.status == ExitStatus::kPossibleLoss);
}
