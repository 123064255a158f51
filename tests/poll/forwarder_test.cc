#include "poll/forwarder.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <future>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/file.h"
#include "support/catch.h"
#include "support/coded.h"
#include "support/fake_clock.h"
#include "support/temporary_directory.h"

namespace fs = std::filesystem;
using namespace ohip;
using namespace ohip::test;
using namespace std::chrono_literals;

namespace {

const QueueName kQueue = {"gateway.example", "EXT", "ABC"};

std::string event(int id) {
  return fmt::format(
      R"({{"businessEvent":{{"header":{{"hotelId":"ABC"}}}},"businessEventId":{{"id":"{}"}}}})",
      id);
}

std::string answer(int first, int count) {
  std::vector<std::string> events;
  for (int id = first; id < first + count; ++id) {
    events.push_back(event(id));
  }
  return fmt::format(R"({{"businessEventData":[{}]}})", fmt::join(events, ","));
}

// Hands out scripted answers through a real spool.
class ScriptedSource : public Source {
 public:
  bool wait_for_turn() override { return has_turn; }

  std::optional<Batch> take(Spool& spool, const std::function<void()>& permit) override {
    permit();
    ++polls;
    on_take();
    if (answers.empty()) {
      return std::nullopt;
    }
    const std::string body = answers.front();
    answers.pop_front();
    asked_for.push_back(spool.in_doubt() ? 1 : 20);
    Spool::Part part =
        spool.reserve(fmt::format("request-{}", polls), TimePoint(1s * polls), asked_for.back());
    part.asked();
    part.write(body);
    Batch batch = part.keep(body, TimePoint(1s * polls), whole);
    batch.storage_error = storage_error;
    return batch;
  }

  std::deque<std::string> answers;
  std::string storage_error;
  std::function<void()> on_take = [] {};
  bool has_turn = true;
  bool whole = true;  // the answers' transfers
  std::vector<std::size_t> asked_for;
  int polls = 0;
};

Delivery acknowledged() {
  return {Delivery::State::kAcknowledged, ExitStatus::kOk, ""};
}

Delivery refused(const std::string& reason) {
  return {Delivery::State::kRefused, ExitStatus::kQuarantine, reason};
}

Delivery undelivered(const Record&) {
  return {Delivery::State::kUndelivered, ExitStatus::kPending, "timed out"};
}

class RecordingPublisher : public Publisher {
 public:
  void check(const std::set<std::string>&) override {
    ++checks;
    if (unavailable) {
      throw Error(*unavailable, "Kafka: no");
    }
  }

  std::vector<Delivery> publish(std::span<const Record> records, Milliseconds) override {
    before();
    std::vector<Delivery> deliveries;
    for (const Record& record : records) {
      deliveries.push_back(fate(record));
      if (deliveries.back().state == Delivery::State::kAcknowledged) {
        values.push_back(record.value);
      }
    }
    return deliveries;
  }

  std::vector<Delivery> publish_rest(std::span<const Record> records,
                                     Milliseconds patience) override {
    ++looks;
    return publish(records, patience);
  }

  std::function<void()> before = [] {};
  std::function<Delivery(const Record&)> fate = [](const Record&) { return acknowledged(); };
  std::optional<ExitStatus> unavailable;
  std::vector<std::string> values;
  int checks = 0;
  int looks = 0;
};

struct Fixture {
  Fixture() : spool(Spool::open(root.path(), kQueue)), deadline(clock, 50s) {}

  QueueReport run(bool drain = false) {
    QueueReport report;
    Forwarder forwarder(*spool, publisher, {"gateway.example", "EXT", "topic"}, drain, deadline,
                        stop, report);
    while (!forwarder.recovered()) {
      if (!forwarder.recover()) {
        return report;
      }
    }
    while (forwarder.poll(source)) {
    }
    return report;
  }

  // A run that dies before it publishes.
  void leave_behind(const std::string& body) {
    source.answers.push_back(body);
    source.take(*spool, [] {});
  }

  std::vector<std::string> quarantined() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(spool->directory() / "quarantine")) {
      names.push_back(entry.path().filename().string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  TemporaryDirectory root;
  FakeClock clock;
  Stop stop;
  std::optional<Spool> spool;
  Deadline deadline;
  ScriptedSource source;
  RecordingPublisher publisher;
};

}  // namespace

TEST_CASE_METHOD(Fixture, "what is taken is published and the spool is empty again") {
  source.answers = {answer(1, 3)};
  const QueueReport report = run();
  CHECK(report.status == ExitStatus::kOk);
  CHECK(report.taken == 3);
  CHECK(report.delivered == 3);
  CHECK(publisher.values == std::vector{event(1), event(2), event(3)});
  CHECK(spool->pending().empty());
}

TEST_CASE_METHOD(Fixture, "an empty queue is no problem") {
  const QueueReport report = run();
  CHECK(report.status == ExitStatus::kOk);
}

TEST_CASE_METHOD(Fixture, "one poll is one poll, whatever is left in the queue") {
  source.answers = {answer(1, 20), answer(21, 20)};
  run();
  CHECK(source.polls == 1);
}

TEST_CASE_METHOD(Fixture, "a drain polls until an answer has fewer events than were asked for") {
  source.answers = {answer(1, 20), answer(21, 20), answer(41, 5), answer(46, 20)};
  const QueueReport report = run(true);
  CHECK(report.delivered == 45);
  CHECK(source.polls == 3);
}

TEST_CASE_METHOD(Fixture,
                 "a drain ends when a stop is requested, with all that was taken delivered") {
  source.answers = {answer(1, 20), answer(21, 20)};
  source.on_take = [&] { stop.request(); };
  const QueueReport report = run(true);
  CHECK(report.status == ExitStatus::kOk);
  CHECK(publisher.values.size() == 20);
  CHECK(source.polls == 1);
}

TEST_CASE_METHOD(Fixture, "nothing is polled after a stop is requested") {
  source.answers = {answer(1, 1)};
  stop.request();
  CHECK(run().status == ExitStatus::kOk);
  CHECK(source.polls == 0);
}

TEST_CASE_METHOD(Fixture, "a queue is not polled once the run's time is over") {
  clock.sleep(50s);
  source.answers = {answer(1, 1)};
  run();
  CHECK(source.polls == 0);
}

TEST_CASE_METHOD(Fixture, "a queue whose turn does not come in the run's time is not polled") {
  source.has_turn = false;
  source.answers = {answer(1, 1)};
  const QueueReport report = run();
  CHECK(report.not_polled);
  CHECK(report.status == ExitStatus::kOk);
  CHECK(source.polls == 0);
}

TEST_CASE_METHOD(Fixture, "a drain takes the next batch while the last one is being published") {
  std::promise<void> second_taken;
  source.answers = {answer(1, 20), answer(21, 5)};
  source.on_take = [&] {
    if (source.polls == 2) {
      second_taken.set_value();
    }
  };
  publisher.before = [&, seen = second_taken.get_future().share()] {
    CHECK(seen.wait_for(30s) == std::future_status::ready);
  };
  CHECK(run(true).delivered == 25);
  CHECK(spool->pending().empty());
}

TEST_CASE_METHOD(Fixture, "a batch follows only when the one before is in Kafka") {
  publisher.fate = undelivered;
  source.answers = {answer(1, 20), answer(21, 20), answer(41, 20)};
  const QueueReport report = run(true);
  CHECK(report.status == ExitStatus::kPending);
  CHECK(report.taken == 40);
  CHECK(source.polls == 2);
  const std::vector<std::string> files = spool->pending();
  REQUIRE(files.size() == 2);
  CHECK(spool->read(files[0]).body == answer(1, 20));
  CHECK(spool->read(files[1]).body == answer(21, 20));
}

TEST_CASE_METHOD(Fixture,
                 "behind a batch that Kafka does not take, one that is only in memory is "
                 "tried all the same") {
  publisher.fate = [](const Record& record) {
    return record.value.find("\"21\"") == std::string::npos ? undelivered(record) : acknowledged();
  };
  source.answers = {answer(1, 20), answer(21, 1)};
  source.on_take = [&] {
    source.storage_error = source.polls == 2 ? "write: No space left on device" : "";
  };
  const QueueReport report = run(true);
  CHECK(publisher.values == std::vector{event(21)});
  CHECK(report.status == ExitStatus::kSpool);
  CHECK(spool->pending().size() == 1);
}

TEST_CASE_METHOD(Fixture, "nothing is polled when Kafka could not take it") {
  publisher.unavailable =
      GENERATE(ExitStatus::kUnavailable, ExitStatus::kRefused, ExitStatus::kConfig);
  source.answers = {answer(1, 1)};
  CHECK(run().status == *publisher.unavailable);
  CHECK(source.polls == 0);
}

TEST_CASE_METHOD(Fixture, "Kafka is asked before every poll") {
  source.answers = {answer(1, 20), answer(21, 20), answer(41, 5)};
  run(true);
  CHECK(publisher.checks == source.polls);
}

TEST_CASE_METHOD(Fixture,
                 "what an earlier run left behind is published before anything is polled") {
  leave_behind(answer(1, 2));
  source.answers = {answer(3, 1)};
  const QueueReport report = run();
  CHECK(report.taken == 3);
  CHECK(publisher.values == std::vector{event(1), event(2), event(3)});
  CHECK(spool->pending().empty());
}

TEST_CASE_METHOD(Fixture, "nothing is polled while an earlier batch is not delivered") {
  leave_behind(answer(1, 2));
  source.answers = {answer(3, 1)};
  SECTION("because Kafka does not answer") {
    publisher.unavailable = ExitStatus::kUnavailable;
    CHECK(run().status == ExitStatus::kPending);
  }
  SECTION("because Kafka does not acknowledge") {
    publisher.fate = undelivered;
    CHECK(run().status == ExitStatus::kPending);
  }
  SECTION("because Kafka refuses the credentials") {
    publisher.unavailable = ExitStatus::kRefused;
    CHECK(run().status == ExitStatus::kRefused);
  }
  SECTION("because the run's time is over") {
    clock.sleep(50s);
    CHECK(run().status == ExitStatus::kPending);
  }
  CHECK(source.polls == 1);
  CHECK(spool->pending().size() == 1);
}

TEST_CASE_METHOD(Fixture, "a batch of which one event is not acknowledged stays whole") {
  publisher.fate = [n = 0](const Record& record) mutable {
    return ++n == 2 ? undelivered(record) : acknowledged();
  };
  source.answers = {answer(1, 3), answer(4, 20)};
  const QueueReport report = run(true);
  CHECK(report.status == ExitStatus::kPending);
  CHECK(report.delivered == 2);
  REQUIRE(spool->pending().size() == 1);
  CHECK(spool->read(spool->pending()[0]).body == answer(1, 3));
  CHECK(source.polls == 1);
}

TEST_CASE_METHOD(Fixture, "a record that Kafka refuses is put aside alone, and the run goes on") {
  publisher.fate = [](const Record& record) {
    return record.value == event(2) ? refused("too large") : acknowledged();
  };
  source.answers = {answer(1, 20), answer(21, 1)};
  const QueueReport report = run(true);
  CHECK(report.status == ExitStatus::kQuarantine);
  CHECK(report.delivered == 20);
  CHECK(report.quarantined == 1);
  CHECK(source.polls == 2);
  CHECK(spool->pending().empty());
  REQUIRE(quarantined().size() == 2);
  CHECK(read_file(spool->directory() / "quarantine" / quarantined()[0], ExitStatus::kOk) ==
        event(2));
}

TEST_CASE_METHOD(Fixture, "what Kafka refuses is put aside with the mapping that goes with it") {
  publisher.fate = [](const Record& record) {
    return record.value == event(2) ? refused("too large") : acknowledged();
  };
  const std::string body = answer(1, 3);
  source.answers = {body.substr(0, body.size() - 1) + R"(,"dataValueMapping":{"a":"b"}})"};
  CHECK(run().status == ExitStatus::kQuarantine);
  const std::string kept = event(2).substr(0, event(2).size() - 1);
  REQUIRE(quarantined().size() == 2);
  CHECK(read_file(spool->directory() / "quarantine" / quarantined()[0], ExitStatus::kOk) ==
        kept + R"(,"dataValueMapping":{"a":"b"}})");
}

TEST_CASE_METHOD(Fixture, "an event without an id is put aside alone") {
  source.answers = {R"({"businessEventData":[{"businessEvent":{}},)" + event(2) + "]}"};
  const QueueReport report = run();
  CHECK(report.status == ExitStatus::kQuarantine);
  CHECK(publisher.values == std::vector{event(2)});
  CHECK(quarantined().size() == 2);
  CHECK(spool->pending().empty());
}

TEST_CASE_METHOD(Fixture, "who answers in OHIP's place is told in its own words") {
  const auto [body, words] =
      GENERATE(as<std::pair<std::string, std::string>>(),
               std::pair(R"({"error":"server_busy","error_description":"try\nlater"})",
                         R"(it has no businessEventData: "server_busy: try later")"),
               std::pair("<HTML><head><Title>Sign in\x1b[31m</Title>",
                         R"(it is not a JSON object: "Sign in)"),
               std::pair("Smith", "it is not a JSON object"));
  const bool compressed = GENERATE(false, true);
  source.answers = {compressed ? gzip(body) : body};
  const QueueReport report = run();
  CHECK(report.status == ExitStatus::kQuarantine);
  const std::string said = report.problems.at(0).what();
  CHECK(said.find(words) != std::string::npos);
  CHECK(said.find('\x1b') == std::string::npos);
  CHECK((said.find('"') == std::string::npos) == (body == "Smith"));
}

TEST_CASE_METHOD(Fixture, "an answer that is no JSON is put aside whole and blocks nothing") {
  source.answers = {"<html>busy</html>"};
  const QueueReport report = run();
  CHECK(report.status == ExitStatus::kQuarantine);
  CHECK(quarantined().size() == 2);
  CHECK(spool->pending().empty());
  CHECK(run().status == ExitStatus::kOk);
}

TEST_CASE_METHOD(
    Fixture, "of an answer that is cut off every whole event is delivered, and the bound said") {
  const std::string whole = answer(1, 20);
  source.answers = {whole.substr(0, whole.find(event(6)) + 10)};
  const QueueReport report = run();
  CHECK(report.status == ExitStatus::kPossibleLoss);
  CHECK(publisher.values.size() == 5);
  REQUIRE(report.problems.size() == 1);
  CHECK(std::string(report.problems[0].what()).find("up to 15 more events") != std::string::npos);
  CHECK(report.problems[0].detail().find("request-1") != std::string::npos);
  CHECK(report.possibly_lost == 15);
  CHECK(quarantined().size() == 2);
  CHECK(spool->pending().empty());
}

TEST_CASE_METHOD(Fixture, "nothing can be missing behind as many events as were asked for") {
  const std::string whole = answer(1, 20);
  source.answers = {whole.substr(0, whole.size() - 2)};
  CHECK(run().status == ExitStatus::kQuarantine);
  CHECK(publisher.values.size() == 20);
}

TEST_CASE_METHOD(Fixture, "what a killed run had received is delivered") {
  const auto leave_part = [&](const std::string& body, std::size_t limit = 20) {
    Spool::Part part = spool->reserve("request-0", TimePoint(1s), limit);
    part.asked();
    part.write(body);
  };
  SECTION("in part: its whole events, and the possible loss is said") {
    leave_part(answer(1, 3).substr(0, answer(1, 2).size()));
    CHECK(run().status == ExitStatus::kPossibleLoss);
    CHECK(publisher.values == std::vector{event(1), event(2)});
    CHECK(quarantined().size() == 2);
  }
  SECTION("wholly: nothing can be missing") {
    leave_part(answer(1, 3));
    CHECK(run().status == ExitStatus::kOk);
    CHECK(publisher.values.size() == 3);
  }
  SECTION("not at all: the possible loss is said once, with what was asked for as its bound") {
    const std::size_t limit = GENERATE(1U, 7U, 20U);
    leave_part(GENERATE("", "\r\n", "\xef\xbb\xbf", "\xef\xbb\xbf \t"), limit);
    const QueueReport report = run();
    CHECK(report.status == ExitStatus::kPossibleLoss);
    CHECK(report.possibly_lost == limit);
    CHECK(std::string(report.problems.at(0).what())
              .ends_with(limit == 1 ? "up to 1 event may be lost"
                                    : fmt::format("up to {} events may be lost", limit)));
    CHECK(source.asked_for.empty());
    CHECK(run().status == ExitStatus::kOk);
  }
  SECTION("a page: who knows what would have followed") {
    leave_part("<html>");
    CHECK(run().status == ExitStatus::kPossibleLoss);
    CHECK(quarantined().size() == 2);
  }
  SECTION("compressed") {
    leave_part(gzip(answer(1, 3)));
    CHECK(run().status == ExitStatus::kOk);
    CHECK(publisher.values.size() == 3);
  }
  CHECK(spool->pending().empty());
}

TEST_CASE_METHOD(Fixture, "of a file that a person named no request is told, and its time is") {
  replace_file(spool->directory() / "fixed.json", "<html>", ExitStatus::kSpool);
  const QueueReport report = run();
  REQUIRE(report.problems.size() == 1);
  CHECK(report.problems[0].detail().starts_with("received "));
}

TEST_CASE_METHOD(Fixture, "what stays in the spool is counted in words: one batch, two batches") {
  const std::size_t batches = GENERATE(1U, 2U);
  for (std::size_t i = 0; i < batches; ++i) {
    replace_file(spool->directory() / fmt::format("{}.json", i), answer(1, 1), ExitStatus::kSpool);
  }
  publisher.unavailable = ExitStatus::kUnavailable;
  const QueueReport report = run();
  REQUIRE(report.problems.size() == 1);
  CHECK(report.status == ExitStatus::kPending);
  CHECK(std::string(report.problems[0].what())
            .ends_with(batches == 1 ? "1 batch taken earlier stays in the spool"
                                    : "2 batches taken earlier stay in the spool"));
}

TEST_CASE_METHOD(Fixture,
                 "after a possible loss one event is asked for until an answer comes whole") {
  const std::string cut = answer(1, 20).substr(0, 60);
  source.answers = {cut};
  CHECK(run(true).status == ExitStatus::kPossibleLoss);
  REQUIRE(spool->in_doubt());
  source.answers = {cut};
  const QueueReport second = run(true);
  CHECK(second.possibly_lost == 1);
  CHECK(std::string(second.problems.at(0).what()).find("up to 1 more event may") !=
        std::string::npos);
  spool.reset();
  spool = Spool::open(root.path(), kQueue);  // another run
  SECTION("one with events: it is drained on") {
    source.answers = {answer(1, 1), answer(2, 20), answer(22, 3)};
    CHECK(run(true).delivered == 24);
    CHECK(source.asked_for == std::vector<std::size_t>{20, 1, 1, 20, 20});
  }
  SECTION("one without") {
    CHECK(run(true).status == ExitStatus::kOk);
    CHECK(source.polls == 3);
  }
  CHECK_FALSE(spool->in_doubt());
  CHECK_FALSE(fs::exists(spool->directory() / "doubt"));
}

TEST_CASE_METHOD(Fixture, "what a killed run had asked for puts the queue in doubt, too") {
  {
    Spool::Part part = spool->reserve("request-0", TimePoint(1s), 20);
    part.asked();
  }
  publisher.fate = undelivered;
  source.answers = {answer(1, 1)};
  CHECK(run().status == ExitStatus::kPossibleLoss);
  CHECK(source.asked_for == std::vector<std::size_t>{1});
}

TEST_CASE_METHOD(Fixture, "an answer that broke off stays one in the next run") {
  source.whole = false;
  source.answers = {"<html>"};
  source.take(*spool, [] {});  // by a run that is killed then
  CHECK(run().status == ExitStatus::kPossibleLoss);
  CHECK(spool->pending().empty());
}

TEST_CASE_METHOD(Fixture, "a drain ends at the second answer that had to be put aside whole") {
  const std::string too_many = answer(1, 21);
  source.answers = {too_many, too_many, too_many, too_many};
  const QueueReport report = run(true);
  CHECK(report.status == ExitStatus::kQuarantine);
  CHECK(source.polls == 2);
  CHECK(quarantined().size() == 4);
  CHECK(publisher.values.empty());
}

TEST_CASE_METHOD(Fixture,
                 "what Kafka refuses alike of several records stays, and a person is told") {
  publisher.fate = [](const Record&) { return refused("too large"); };
  source.answers = {answer(1, 20), answer(21, 20)};
  SECTION("a batch") {
    const QueueReport report = run(true);
    CHECK(report.status == ExitStatus::kConfig);
    CHECK(std::string(report.problems.at(0).what()).find("all 20 events alike: too large") !=
          std::string::npos);
    CHECK(spool->pending().size() == 2);  // the next one had been asked for meanwhile
    CHECK(quarantined().empty());
    const int polls = source.polls;
    CHECK(run(true).status == ExitStatus::kConfig);
    CHECK(source.polls == polls);
  }
  SECTION("not a single event") {
    source.answers = {answer(1, 1)};
    CHECK(run().status == ExitStatus::kQuarantine);
    CHECK(spool->pending().empty());
  }
  SECTION("nor for several reasons") {
    publisher.fate = [](const Record& record) {
      Delivery delivery = refused("no");
      delivery.code = record.value == event(1) ? 1 : 2;
      return delivery;
    };
    source.answers = {answer(1, 3)};
    CHECK(run().status == ExitStatus::kQuarantine);
    CHECK(quarantined().size() == 6);
  }
}

TEST_CASE_METHOD(Fixture, "a mapping is not copied for each of the records that share it") {
  const std::string mapping(std::size_t{9} << 20, 'x');
  const std::string body = answer(1, 20);
  source.answers = {body.substr(0, body.size() - 1) + ",\"dataValueMapping\":\"" + mapping + "\"}"};
  const char* begin = nullptr;
  publisher.fate = [&](const Record& record) {
    CHECK(record.value.size() < 1000);
    CHECK(record.mapping.size() == mapping.size() + 2);
    CHECK((begin == nullptr || begin == record.mapping.data()));
    begin = record.mapping.data();
    return acknowledged();
  };
  CHECK(run(GENERATE(true, false)).delivered == 20);
}

TEST_CASE_METHOD(Fixture, "an answer that the disk did not take is delivered from memory") {
  source.answers = {answer(1, 3)};
  source.storage_error = "write: No space left on device";
  SECTION("and the failing disk is said") {
    const QueueReport report = run(true);
    CHECK(report.status == ExitStatus::kSpool);
    CHECK(publisher.values.size() == 3);
    CHECK(spool->pending().empty());
  }
  SECTION("or it is lost, and that is said with the bound") {
    publisher.fate = undelivered;
    const QueueReport report = run();
    CHECK(report.status == ExitStatus::kPossibleLoss);
    CHECK(std::string(report.problems[0].what()).find("up to 3 events are lost") !=
          std::string::npos);
  }
}

TEST_CASE_METHOD(Fixture,
                 "an answer that only memory holds is lost with the memory, and that is told") {
  source.answers = {answer(1, 3), answer(4, 20)};
  source.storage_error = "write: No space left on device";
  const bool drain = GENERATE(false, true);
  SECTION("while Kafka takes it") {
    publisher.before = [] { throw std::bad_alloc(); };
  }
  SECTION("or by something that nobody thought of") {
    publisher.before = [] { throw std::runtime_error("who knows"); };
  }
  const QueueReport report = run(drain);
  CHECK(report.status == ExitStatus::kPossibleLoss);
  CHECK(report.possibly_lost == 3);
  CHECK(report.taken == 3);
  REQUIRE(report.problems.size() == 1);
  CHECK(std::string(report.problems[0].what()).find("up to 3 events are lost") !=
        std::string::npos);
  CHECK(report.problems[0].detail().find("x-request-id request-1") != std::string::npos);
}

TEST_CASE_METHOD(Fixture, "without memory for a delivery what is in the spool stays there") {
  source.answers = {answer(1, 3)};
  publisher.before = [] { throw std::bad_alloc(); };
  const QueueReport report = run(GENERATE(false, true));
  CHECK(report.status == ExitStatus::kSoftware);
  CHECK(report.possibly_lost == 0);
  CHECK(spool->pending().size() == 1);
}

TEST_CASE("the most serious problem is the one that is reported") {
  CHECK(more_serious(ExitStatus::kOk, ExitStatus::kUnavailable) == ExitStatus::kUnavailable);
  CHECK(more_serious(ExitStatus::kPending, ExitStatus::kUnavailable) == ExitStatus::kPending);
  CHECK(more_serious(ExitStatus::kPending, ExitStatus::kQuarantine) == ExitStatus::kQuarantine);
  CHECK(more_serious(ExitStatus::kRefused, ExitStatus::kPossibleLoss) == ExitStatus::kPossibleLoss);
}
