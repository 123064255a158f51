#include "stream/session.h"

#include <cstdint>
#include <map>
#include <utility>

#include "support/catch.h"

using namespace ohip;

namespace {

using namespace std::chrono_literals;

const TimePoint kNow = std::chrono::sys_days(std::chrono::year(2026) / 11 / 25);

std::string event_json(const std::string& offset, const std::string& id,
                       const std::string& timestamp = "25-NOV-26 06.18.59.028027 AM") {
  return R"({"metadata":{"offset":")" + offset + R"(","uniqueEventId":")" + id +
         R"("},"moduleName":"RESERVATION","eventName":"UPDATE RESERVATION","primaryKey":"7",)" +
         R"("timestamp":")" + timestamp + R"(","hotelId":"ABC","detail":[]})";
}

// A session, with a clock that the test moves, and what it wants done.
class Run {
 public:
  explicit Run(std::optional<Position> position = std::nullopt, bool drain = false,
               Subscription subscription = {.chain = "CHAIN"})
      : position_(std::move(position)),
        session_({.subscription = std::move(subscription),
                  .app_key = "app-key",
                  .end = SteadyPoint(58min),
                  .drain = drain},
                 now(), [] { return 1.0; }) {
    collect();
  }

  Moment now() const {
    return {SteadyPoint(passed_),
            kNow + std::chrono::duration_cast<std::chrono::microseconds>(passed_)};
  }
  Session& session() { return session_; }

  template <typename Function>
  void with(Function function) {
    function(session_);
    collect();
  }

  // Lets time pass, with a tick whenever one is due.
  void pass(std::chrono::nanoseconds duration) {
    const auto until = passed_ + duration;
    for (auto due = session_.next_tick(); due <= SteadyPoint(until) && !session_.ended();
         due = session_.next_tick()) {
      passed_ = std::max(passed_, due.time_since_epoch());
      with([&](Session& s) { s.tick(now()); });
      REQUIRE((session_.next_tick() > now().steady || session_.ended()));
    }
    passed_ = std::max(passed_, until);
  }

  void position() {
    with([&](Session& s) { s.positioned(now(), position_); });
  }
  void open(std::chrono::seconds token_lives = 3600s) {
    with([&](Session& s) {
      s.opened(now(), {.token = "tok\"en", .expires = now().wall + token_lives, .id = "sub-1"});
    });
  }
  void message(const std::string& text) {
    with([&](Session& s) { s.message(now(), text); });
  }
  void ack() { message(R"({"type":"connection_ack"})"); }
  void event(const std::string& offset, const std::string& id) {
    message(R"({"id":"sub-1","type":"next","payload":{"data":{"newEvent":)" +
            event_json(offset, id) + "}}}");
  }
  void close(int code, bool by_us = false) {
    with([&](Session& s) { s.closed(now(), code, "some words", by_us); });
  }
  void taken_over() { taken_over(position_); }
  void taken_over(const std::optional<Position>& position) {
    with([&](Session& s) { s.taken_over(now(), position); });
  }
  void settled() {
    with([&](Session& s) { s.settled(now()); });
  }
  void room(bool room) {
    with([&](Session& s) { s.room(now(), room); });
  }

  // To a subscription that OHIP has been sent.
  Run& subscribed() {
    position();
    pass(10s);
    if (asked > 1) {
      position();
    }
    open();
    ack();
    return *this;
  }
  // To one that publishes.
  Run& streaming() {
    subscribed();
    pass(5s);
    taken_over();
    return *this;
  }

  std::string sent() const { return sends.empty() ? "" : sends.back(); }
  ExitStatus status() const {
    REQUIRE(ends == 1);
    return end ? end->status() : ExitStatus::kOk;
  }
  std::chrono::seconds next_wait() const {
    return std::chrono::duration_cast<std::chrono::seconds>(session_.next_tick() - now().steady);
  }

  int asked = 0, connects = 0, closes = 0, take_overs = 0, ends = 0;
  bool new_token = false;
  std::vector<std::string> sends, published, rejected, settled_as;
  std::vector<Error> told;
  std::vector<std::string> notes;
  std::optional<action::Settle> settle;
  std::optional<Error> end;

 private:
  void collect() {
    for (Action& action : session_.actions()) {
      std::visit([this](auto& wanted) { take(wanted); }, action);
    }
  }
  void take(action::AskPosition&) { ++asked; }
  void take(action::Connect& connect) {
    ++connects;
    new_token = connect.new_token;
  }
  void take(action::Send& send) { sends.push_back(send.text); }
  void take(action::Close&) { ++closes; }
  void take(action::TakeOver& action) {
    CHECK(action.since == now().wall);
    ++take_overs;
  }
  void take(action::Publish& publish) {
    (publish.event.reject.empty() ? published : rejected)
        .push_back(publish.event.reject.empty() ? publish.event.offset : publish.event.reject);
  }
  void take(action::Settle& wanted) {
    settle = wanted;
    settled_as.push_back(wanted.ended);
  }
  void take(action::Tell& tell) { told.push_back(tell.error); }
  void take(action::Note& note) { notes.push_back(note.text); }
  void take(action::End& ending) {
    ++ends;
    end = ending.error;
  }

  std::chrono::nanoseconds passed_{0};
  std::optional<Position> position_;
  Session session_;
};

Position at(const std::string& offset, const std::string& id, std::chrono::seconds age = 1h) {
  Position position;
  position.offset = offset;
  position.unique_event_id = id;
  position.received = position.quiet = kNow - age;
  position.ended = "complete";
  return position;
}

const std::string kComplete = R"({"id":"sub-1","type":"complete"})";

}  // namespace

TEST_CASE("a run asks for the position, connects, and subscribes from there") {
  Run run(at("193", "e193"));
  CHECK(run.asked == 1);
  run.position();
  CHECK(run.connects == 1);
  run.open();
  CHECK(
      run.sent() ==
      R"({"type":"connection_init","payload":{"Authorization":"Bearer tok\"en","x-app-key":"app-key"}})");
  run.ack();
  CHECK(run.sent().find(R"({"id":"sub-1","type":"subscribe","payload":)") == 0);
  CHECK(run.sent().find(R"(newEvent(input: { chainCode: \"CHAIN\", offset: \"193\" }))") !=
        std::string::npos);
  CHECK(run.take_overs == 0);
}

TEST_CASE("the first run asks for all that OHIP keeps, and waits for nothing") {
  Run run;
  run.position();
  CHECK(run.connects == 1);
  run.open();
  run.ack();
  CHECK(run.sent().find(R"(offset: \"0\")") != std::string::npos);
}

TEST_CASE("after a run that died it waits 10 s from its start, and asks again") {
  Position position = at("193", "e193");
  position.ended.clear();
  Run run(position);
  run.position();
  CHECK(run.connects == 0);
  run.pass(9s);
  CHECK(run.asked == 1);
  run.pass(1s);
  CHECK(run.asked == 2);
  run.position();
  CHECK(run.connects == 1);
}

TEST_CASE("a wait that an earlier run has left is kept, but none that no table knows") {
  Position position = at("193", "e193");
  position.not_before = kNow + 100s;
  SECTION("kept") {
    Run run(position);
    run.position();
    CHECK(run.next_wait() == 100s);
  }
  SECTION("a clock that is wrong by years") {
    position.not_before = kNow + 24h * 4000;
    Run run(position);
    run.position();
    CHECK(run.next_wait() == 330s);
  }
}

TEST_CASE("other machines are fenced only when OHIP has let us in") {
  Run run(at("193", "e193"));
  run.subscribed();
  SECTION("turned away: nothing is taken over, nothing written") {
    run.close(4409);
    CHECK(run.take_overs == 0);
    CHECK_FALSE(run.settle);
  }
  SECTION("the first event says so") {
    run.event("193", "e193");
    CHECK(run.take_overs == 1);
  }
  SECTION("five quiet seconds say so") {
    run.pass(4s);
    CHECK(run.take_overs == 0);
    run.pass(1s);
    CHECK(run.take_overs == 1);
  }
}

TEST_CASE("events wait until the transaction is ready; the position's own is dropped") {
  Run run(at("193", "e193"));
  run.subscribed();
  run.event("193", "e193");
  run.event("197", "e197");
  run.event("203", "e203");
  CHECK(run.published.empty());
  run.taken_over();
  CHECK(run.published == std::vector<std::string>{"197", "203"});
  run.event("204", "e204");
  CHECK(run.published.size() == 3);
}

TEST_CASE("where the position has no id its offset tells") {
  Run run(at("193", ""));
  run.streaming();
  run.event("193", "e193");
  run.event("194", "e194");
  CHECK(run.published == std::vector<std::string>{"194"});
}

TEST_CASE("a position that moved while it was asked for: complete, and once more from there") {
  Run run(at("193", "e193"));
  run.subscribed();
  run.event("193", "e193");
  run.event("197", "e197");
  run.taken_over(at("197", "e197"));
  CHECK(run.published.empty());
  CHECK(run.sent() == kComplete);
  run.event("198", "e198");
  run.close(1000);
  REQUIRE(run.settle);
  run.settled();
  run.pass(10s);
  CHECK(run.asked == 2);
  run.with([&](Session& s) { s.positioned(run.now(), at("197", "e197")); });
  run.open();
  run.ack();
  CHECK(run.sent().find(R"(offset: \"197\")") != std::string::npos);
  run.event("197", "e197");
  run.event("198", "e198");
  run.taken_over(at("197", "e197"));
  CHECK(run.published == std::vector<std::string>{"198"});
}

TEST_CASE("a repeated event is dropped, one that differs in offset or id is not") {
  Run run(at("193", "e193"));
  run.streaming();
  for (const char* offset : {"194", "195", "194", "195", "196"}) {
    run.event(offset, std::string("e") + offset);
  }
  CHECK(run.published == std::vector<std::string>{"194", "195", "196"});
  run.event("196", "other");
  run.event("197", "e196");
  CHECK(run.published.size() == 5);
}

TEST_CASE("a ping goes out every 10 s, also while nothing is read, and a ping is answered") {
  Run run(at("193", "e193"));
  run.streaming();
  run.message(R"({"type":"ping"})");
  CHECK(run.sent() == R"({"type":"pong"})");
  run.room(false);
  CHECK_FALSE(run.session().reading());
  const std::size_t before = run.sends.size();
  run.pass(50s);
  CHECK(run.sends.size() == before + 5);
  CHECK(run.sent() == R"({"type":"ping"})");
}

TEST_CASE("180 s without a frame end the connection; an event is a sign of life") {
  Run run(at("193", "e193"));
  run.streaming();
  run.pass(170s);
  run.event("194", "e194");
  run.pass(179s);
  CHECK(run.closes == 0);
  run.pass(1s);
  CHECK(run.closes == 1);
  run.close(1000, true);
  REQUIRE(run.settle);
  run.settled();
  CHECK(run.next_wait() >= 10s);
}

TEST_CASE("while Kafka lets nothing be read, OHIP is not taken for dead") {
  Run run(at("193", "e193"));
  run.streaming();
  run.pass(150s);
  run.room(false);
  run.pass(50s);
  run.room(true);
  CHECK(run.session().reading());
  run.pass(1s);
  CHECK(run.closes == 0);
  CHECK(run.sent() == R"({"type":"ping"})");
}

TEST_CASE("Kafka that takes nothing for 60 s ends the run with 69, after complete") {
  Run run(at("193", "e193"));
  SECTION("no room") {
    run.streaming();
    run.event("194", "e194");
    run.room(false);
    run.pass(60s);
    CHECK(run.sent() == kComplete);
    CHECK(run.session().reading());
    run.event("195", "e195");
    CHECK(run.published == std::vector<std::string>{"194"});
    run.close(1000);
    REQUIRE(run.settle);
    run.settled();
  }
  SECTION("it cannot be taken over") {
    run.subscribed();
    run.event("194", "e194");
    run.pass(60s);
    CHECK(run.sent() == kComplete);
    run.close(1000);
    run.taken_over();
    CHECK(run.published.empty());
    run.settled();
  }
  CHECK(run.status() == ExitStatus::kUnavailable);
}

TEST_CASE("the end of the run: complete, what still comes, the server's close, how it ended") {
  Run run(at("193", "e193"));
  run.streaming();
  run.event("194", "e194");
  const bool stopped = GENERATE(true, false);
  if (stopped) {
    run.with([&](Session& s) { s.stop(run.now()); });
  } else {
    for (int i = 0; i < 400; ++i) {
      run.pass(9s);
      run.with([&](Session& s) { s.heard(run.now()); });
      if (run.sent() == kComplete) {
        break;
      }
    }
  }
  CHECK(run.sent() == kComplete);
  run.event("195", "e195");
  CHECK(run.published == std::vector<std::string>{"194", "195"});
  run.pass(2s);
  run.close(1000);
  REQUIRE(run.settle);
  CHECK(run.settle->ended == "complete");
  CHECK(run.ends == 0);
  if (stopped) {
    CHECK(run.settle->not_before == run.now().wall + 8s);
  }
  run.settled();
  CHECK(run.status() == ExitStatus::kOk);
}

TEST_CASE("a server that does not close within 30 s is left") {
  Run run(at("193", "e193"));
  run.streaming();
  run.with([&](Session& s) { s.stop(run.now()); });
  run.pass(29s);
  CHECK(run.closes == 0);
  run.pass(1s);
  CHECK(run.closes == 1);
  run.pass(11s);
  REQUIRE(run.settle);
  run.settled();
  CHECK(run.status() == ExitStatus::kOk);
}

TEST_CASE("a drain ends when no event has come for 5 s") {
  Run run(at("193", "e193"), true);
  run.subscribed();
  run.event("193", "e193");
  run.taken_over();
  run.pass(4s);
  run.event("194", "e194");
  run.pass(4s);
  CHECK(run.sent() != kComplete);
  run.pass(1s);
  CHECK(run.sent() == kComplete);
  run.close(1000);
  run.settled();
  CHECK(run.status() == ExitStatus::kOk);
}

TEST_CASE("an idle run takes over, and commits that OHIP had nothing newer") {
  Run run(at("193", "e193", 100h), true);
  run.subscribed();
  run.pass(5s);
  CHECK(run.sent() == kComplete);
  CHECK(run.take_overs == 1);
  run.close(1000);
  CHECK_FALSE(run.settle);
  run.taken_over();
  REQUIRE(run.settle);
  CHECK(run.settle->ended == "complete");
  run.settled();
  CHECK(run.status() == ExitStatus::kOk);
}

TEST_CASE("the token's end: complete a minute before, then on with a new connection") {
  Run run(at("193", "e193"));
  run.position();
  run.open(600s);
  run.ack();
  run.pass(5s);
  run.taken_over();
  for (int i = 0; i < 5; ++i) {
    run.pass(100s);
    run.event("20" + std::to_string(i), "e" + std::to_string(i));
  }
  CHECK(run.sent() != kComplete);
  run.pass(36s);
  CHECK(run.sent() == kComplete);
  run.close(1000);
  run.settled();
  run.pass(10s);
  CHECK(run.asked == 2);
  run.position();
  CHECK(run.connects == 2);
}

TEST_CASE("a token that ends in 30 s is used for most of them") {
  Run run(at("193", "e193"));
  run.position();
  run.open(30s);
  run.ack();
  run.pass(22s);
  CHECK(run.sent() != kComplete);
  run.pass(1s);
  CHECK(run.sent() == kComplete);
}

TEST_CASE("no connection_ack within 10 s: closed, and tried again") {
  Run run(at("193", "e193"));
  run.position();
  run.open();
  run.pass(10s);
  CHECK(run.closes == 1);
  run.close(1000, true);
  CHECK(run.next_wait() >= 10s);
}

namespace {

struct CodeCase {
  int code;
  ExitStatus status;
  bool again;
  std::chrono::seconds wait;  // at least, with no jitter; the test's jitter is all of it
  std::chrono::seconds jitter;
};

}  // namespace

TEST_CASE("each close code has its wait, and the status of a run that it ends") {
  using enum ExitStatus;
  const auto c = GENERATE(
      CodeCase{1000, kUnavailable, true, 10s, 0s}, CodeCase{1001, kUnavailable, true, 10s, 2s},
      CodeCase{1002, kSoftware, false, 0s, 0s}, CodeCase{1003, kSoftware, false, 0s, 0s},
      CodeCase{1005, kUnavailable, true, 10s, 2s}, CodeCase{1006, kUnavailable, true, 10s, 2s},
      CodeCase{1011, kUnavailable, true, 10s, 2s}, CodeCase{1012, kUnavailable, true, 10s, 2s},
      CodeCase{1013, kUnavailable, true, 10s, 2s}, CodeCase{4400, kConfig, false, 0s, 0s},
      CodeCase{4403, kRefused, false, 0s, 0s}, CodeCase{4406, kSoftware, false, 0s, 0s},
      CodeCase{4408, kUnavailable, true, 10s, 2s}, CodeCase{4409, kUnavailable, true, 120s, 30s},
      CodeCase{4429, kSoftware, false, 0s, 0s}, CodeCase{4499, kUnavailable, true, 10s, 2s},
      CodeCase{4500, kUnavailable, true, 10s, 2s}, CodeCase{4504, kUnavailable, true, 15s, 0s},
      CodeCase{4999, kUnavailable, true, 10s, 2s});
  CAPTURE(c.code);
  Run run(at("193", "e193"));
  const bool let_in = GENERATE(false, true);
  if (let_in) {
    run.streaming();
    run.event("194", "e194");
    run.close(c.code);
    REQUIRE(run.settle);
    CHECK(run.settle->ended == std::to_string(c.code));
    CHECK(run.settle->not_before >= run.now().wall + c.wait);
    run.settled();
  } else {
    run.subscribed();
    run.close(c.code);
    CHECK_FALSE(run.settle);
  }
  if (!c.again) {
    CHECK(run.status() == c.status);
    return;
  }
  CHECK(run.ends == 0);
  CHECK(run.next_wait() == c.wait + c.jitter);
  if (GENERATE(false, true)) {  // a later connection does well
    run.pass(c.wait + c.jitter);
    run.position();
    CHECK_FALSE(run.new_token);
    run.open();
    run.ack();
    run.pass(5s);
    run.taken_over();
    run.with([&](Session& s) { s.stop(run.now()); });
    run.close(1000);
    run.settled();
    CHECK(run.status() == ExitStatus::kOk);
    return;
  }
  run.with([&](Session& s) { s.stop(run.now()); });
  CHECK(run.status() == c.status);
  CHECK(std::string(run.end->what()).find(std::to_string(c.code)) != std::string::npos);
  CHECK(std::string(run.end->what()).find("some words") != std::string::npos);
}

TEST_CASE("4401: once more with a new token, then a person must act") {
  Run run(at("193", "e193"));
  run.position();
  run.open();
  run.close(4401);
  CHECK(run.next_wait() == 10s);
  run.pass(10s);
  run.position();
  CHECK(run.new_token);
  run.open();
  run.close(4401);
  CHECK(run.status() == ExitStatus::kRefused);
}

TEST_CASE("4409 for the second time in a run: 300 s") {
  Run run(at("193", "e193"));
  run.subscribed();
  run.close(4409);
  run.pass(150s);
  run.position();
  run.open();
  run.ack();
  run.close(4409);
  CHECK(run.next_wait() == 330s);
}

TEST_CASE("what we close because of what came is tried again, with the offset's help named") {
  const int code = GENERATE(1007, 1009);
  Run run(at("193", "e193"));
  run.streaming();
  run.close(code, true);
  run.settled();
  CHECK(run.next_wait() >= 10s);
  run.with([&](Session& s) { s.stop(run.now()); });
  CHECK(run.status() == ExitStatus::kUnavailable);
  CHECK(run.end->hint().find("--from") != std::string::npos);
}

TEST_CASE("trouble that stays is tried after 10, 20, 40 and 60 s, and a fifth more at most") {
  Run run(at("193", "e193"));
  run.position();
  for (const auto wait : {10s, 20s, 40s, 60s, 60s}) {
    run.with([&](Session& s) { s.refused(run.now(), {.status = 503, .words = "no"}); });
    CHECK(run.next_wait() == wait + wait / 5);
    run.pass(wait + wait / 5);
    run.position();
  }
}

TEST_CASE("each refusal of the upgrade has its status") {
  using enum ExitStatus;
  struct Case {
    Refusal refusal;
    ExitStatus status;
    bool again;
  };
  const Case c =
      GENERATE(Case{{.status = 400}, kConfig, false}, Case{{.status = 404}, kConfig, false},
               Case{{.status = 401}, kRefused, false}, Case{{.status = 403}, kRefused, false},
               Case{{.status = 429}, kUnavailable, true}, Case{{.status = 500}, kUnavailable, true},
               Case{{.status = 503}, kUnavailable, true},
               Case{{.status = 407, .by_proxy = true}, kConfig, false},
               Case{{.status = 502, .by_proxy = true}, kUnavailable, true},
               Case{{.words = "Could not resolve"}, kUnavailable, true},
               Case{{.untrusted = true}, kConfig, false});
  CAPTURE(c.refusal.status, c.refusal.by_proxy);
  Run run(at("193", "e193"));
  run.position();
  run.with([&](Session& s) { s.refused(run.now(), c.refusal); });
  CHECK(run.ends == (c.again ? 0 : 1));
  run.with([&](Session& s) { s.stop(run.now()); });
  CHECK(run.status() == c.status);
}

TEST_CASE("429 waits two minutes, or longer where the server says so") {
  Run run(at("193", "e193"));
  run.position();
  run.with([&](Session& s) {
    s.refused(run.now(), {.status = 429, .retry_after = GENERATE(1s, 300s)});
  });
  CHECK((run.next_wait() == 120s || run.next_wait() == 300s));
}

TEST_CASE("error for the subscription is a configuration's, with the server's words") {
  Run run(at("193", "e193"));
  run.subscribed();
  run.message(
      R"({"id":"sub-1","type":"error","payload":[{"message":"Cannot query field \"x\"\u001b[2J"}]})");
  run.close(4400);
  CHECK(run.status() == ExitStatus::kConfig);
  const std::string what = run.end->what();
  CHECK(what.find("Cannot query field \"x\"") != std::string::npos);
  CHECK(what.find('\x1b') == std::string::npos);
}

TEST_CASE("after error or complete OHIP has 10 s to close") {
  Run run(at("193", "e193"));
  run.streaming();
  run.message(GENERATE(std::string(R"({"id":"sub-1","type":"error","payload":[]})"),
                       std::string(R"({"id":"sub-1","type":"complete"})")));
  run.pass(9s);
  CHECK(run.closes == 0);
  run.pass(1s);
  CHECK(run.closes == 1);
}

TEST_CASE("an event that nobody can publish is put aside in its turn, and the rest goes on") {
  const auto [text, reason] = GENERATE(
      std::pair<std::string, std::string>{"hello", "no valid JSON"},
      std::pair<std::string, std::string>{"", "no valid JSON"},
      std::pair<std::string, std::string>{
          R"({"id":"sub-1","type":"next","payload":{"data":null,"errors":[{"message":"boom"}]}})",
          "could not make it: boom"},
      std::pair<std::string, std::string>{
          R"({"id":"sub-1","type":"next","payload":{"data":{"newEvent":{"metadata":{"offset":"195"}}}}})",
          "no uniqueEventId"},
      std::pair<std::string, std::string>{
          R"({"id":"sub-1","type":"next","payload":{"data":{"newEvent":{"metadata":{"offset":"1\") {","uniqueEventId":"x"}}}}})",
          "offset"},
      std::pair<std::string, std::string>{
          R"({"id":"sub-1","type":"next","payload":{"data":{"newEvent":{"metadata":{"offset":"195","uniqueEventId":"\ud83d"}}}}})",
          "no valid JSON"},
      std::pair<std::string, std::string>{
          R"({"id":"sub-1","type":"data","payload":{"data":{"newEvent":{"metadata":{"offset":"195","uniqueEventId":"x"}}}}})",
          "another type"});
  Run run(at("193", "e193"));
  run.streaming();
  run.event("194", "e194");
  run.message(text);
  run.event("196", "e196");
  CHECK(run.published == std::vector<std::string>{"194", "196"});
  REQUIRE(run.rejected.size() == 1);
  CHECK(run.rejected[0].find(reason) != std::string::npos);
}

TEST_CASE("what is no event without end is a fault of its own") {
  Run run(at("193", "e193"));
  run.streaming();
  for (int i = 0; i < 200; ++i) {
    run.message("hello");
  }
  CHECK(run.rejected.size() == 100);
  CHECK(run.sent() == kComplete);
  run.close(1000);
  run.settled();
  CHECK(run.status() == ExitStatus::kUnavailable);
}

TEST_CASE("an event of another subscription: nothing behind it is taken, it is fetched again") {
  Run run(at("193", "e193"));
  run.streaming();
  run.message(R"({"id":"sub-2","type":"next","payload":{"data":{"newEvent":)" +
              event_json("194", "e194") + "}}}");
  CHECK(run.sent() == kComplete);
  run.event("195", "e195");
  CHECK(run.published.empty());
  run.close(1000);
  run.settled();
  run.pass(10s);
  CHECK(run.asked == 2);
}

TEST_CASE("an unknown message is worth a line with -v") {
  Run run(at("193", "e193"));
  run.streaming();
  run.message(R"({"type":"weather"})");
  CHECK(run.notes.back().find("weather") != std::string::npos);
  CHECK(run.rejected.empty());
}

TEST_CASE("an event of 20 MB is passed on as it is") {
  Run run(at("193", "e193"));
  run.streaming();
  std::string text = R"({"id":"sub-1","type":"next","payload":{"data":{"newEvent":)" +
                     event_json("194", "e194") + "}}}";
  text.insert(text.find("\"detail\""), "\"big\":\"" + std::string(20'000'000, 'x') + "\",");
  run.message(text);
  CHECK(run.published == std::vector<std::string>{"194"});
}

TEST_CASE("a gap that cannot be excluded is told with both times") {
  const auto [age, quiet, told] =
      GENERATE(std::tuple{23h, 23h, false}, std::tuple{25h, 25h, true},
               std::tuple{7 * 24h, 7 * 24h, true}, std::tuple{7 * 24h, 2h, false},
               // Taken an hour ago from a backlog whose beginning is a week old.
               std::tuple{1h, 6 * 24h + 1h, true}, std::tuple{1h, 5 * 24h, false});
  Position position = at("193", "e193", age);
  position.quiet = kNow - quiet;
  Run run(position);
  run.streaming();
  SECTION("another first event") {
    run.event("300", "e300");
    CHECK(run.told.size() == (told ? 1 : 0));
    if (told) {
      CHECK(run.told[0].status() == ExitStatus::kPossibleLoss);
      const std::string what = run.told[0].what();
      CHECK(what.find(rfc3339_utc(std::max(position.received, position.quiet))) !=
            std::string::npos);
      CHECK(what.find("25-NOV-26 06.18.59.028027 AM") != std::string::npos);
    }
    run.event("301", "e301");
    CHECK(run.told.size() == (told ? 1 : 0));
  }
  SECTION("the position's own, whatever its offset is now") {
    run.event("1", "e193");
    CHECK(run.told.empty());
  }
}

TEST_CASE("a gap behind a position without any event, too") {
  const auto [age, told] = GENERATE(std::tuple{6 * 24h - 1h, false}, std::tuple{8 * 24h, true});
  Position position = at("", "");
  position.received = {};
  position.quiet = kNow - age;
  Run run(position);
  run.streaming();
  run.event("300", "e300");
  CHECK(run.told.size() == (told ? 1 : 0));
  CHECK(run.published.size() == 1);
}

TEST_CASE("behind a run that committed no event the next one begins as the first, for a day") {
  const auto [since, quiet, told] =
      GENERATE(std::tuple{0s, 0s, true}, std::tuple{1min, 0s, false}, std::tuple{23h, 0s, false},
               std::tuple{25h, 0s, true}, std::tuple{8 * 24h, 8 * 24h, true},
               std::tuple{8 * 24h, 1h, false});
  Position position = at("", "");
  position.received = {};
  position.since = since == 0s ? TimePoint{} : kNow - since;
  position.quiet = quiet == 0s ? TimePoint{} : kNow - quiet;
  Run run(position);
  run.streaming();
  run.event("300", "e300");
  CHECK(run.told.size() == (told ? 1 : 0));
  CHECK(run.published.size() == 1);
}

TEST_CASE("what fails in Kafka ends the run with its status, after complete, and writes nothing") {
  Run run(at("193", "e193"));
  const Error error(ExitStatus::kRefused, "Kafka: no");
  const auto fail = [&](Session& s) { s.failed(run.now(), error); };
  SECTION("while the position is asked for") {
    run.with(fail);
  }
  SECTION("while nothing is connected") {
    run.position();
    run.with(fail);
  }
  SECTION("while connection_init is answered") {
    run.position();
    run.open();
    run.with(fail);
    CHECK(run.closes == 1);
    run.close(1000, true);
  }
  SECTION("while it is taken over") {
    run.subscribed();
    run.event("194", "e194");
    run.with(fail);
    CHECK(run.sent() == kComplete);
    run.close(1000);
  }
  SECTION("while it streams") {
    run.streaming();
    run.event("194", "e194");
    run.with(fail);
    CHECK(run.sent() == kComplete);
    run.event("195", "e195");
    CHECK(run.published == std::vector<std::string>{"194"});
    run.close(1000);
  }
  SECTION("at the end") {
    run.streaming();
    run.with([&](Session& s) { s.stop(run.now()); });
    run.close(1000);
    REQUIRE(run.settle);
    run.with(fail);
    run.settle.reset();
  }
  CHECK_FALSE(run.settle);
  CHECK(run.status() == ExitStatus::kRefused);
}

TEST_CASE("a token that cannot be had for now is asked for again") {
  Run run(at("193", "e193"));
  run.position();
  run.with([&](Session& s) { s.failed(run.now(), Error(ExitStatus::kUnavailable, "no token")); });
  CHECK(run.ends == 0);
  CHECK(run.next_wait() == 12s);
}

TEST_CASE("the option --from counts until something of it is committed; then the position does") {
  Run run(at("193", "e193"), false, {.chain = "CHAIN", .from = "100"});
  run.subscribed();
  CHECK(run.sent().find(R"(offset: \"100\")") != std::string::npos);
  run.event("100", "e100");
  run.taken_over(at("150", "e150"));  // whatever it is
  CHECK(run.published == std::vector<std::string>{"100"});
  run.close(1006);
  run.settled();
  run.pass(12s);
  run.with([&](Session& s) { s.positioned(run.now(), at("100", "e100")); });
  run.open();
  run.ack();
  run.event("100", "e100");
  run.event("101", "e101");
  run.taken_over(at("100", "e100"));
  CHECK(run.published == std::vector<std::string>{"100", "101"});
}

TEST_CASE("a replay of some hotels goes on from where it was, not from the position") {
  Run run(at("193", "e193"), false, {.chain = "CHAIN", .hotels = "A,B", .from = "100"});
  run.subscribed();
  CHECK(run.sent().find(R"(offset: \"100\", hotelCode: \"A,B\")") != std::string::npos);
  run.event("101", "e101");
  run.taken_over();
  run.close(1006);
  run.settled();
  run.pass(12s);
  run.position();
  run.open();
  run.ack();
  CHECK(run.sent().find(R"(offset: \"101\")") != std::string::npos);
  run.event("101", "e101");
  run.event("102", "e102");
  run.taken_over();
  CHECK(run.published == std::vector<std::string>{"101", "102"});
}

TEST_CASE("a position that is no offset is told, not sent") {
  Run run(at("1\") { x } }", "e193"));
  run.position();
  CHECK(run.status() == ExitStatus::kConfig);
  CHECK(run.connects == 0);
}

TEST_CASE("a wait longer than the run ends it with 69, and OHIP is not touched") {
  Run run(at("193", "e193"));
  run.pass(58min - 5s);
  Position position = at("193", "e193");
  position.not_before = run.now().wall + 20s;
  run.with([&](Session& s) { s.positioned(run.now(), position); });
  CHECK(run.status() == ExitStatus::kUnavailable);
  CHECK(run.connects == 0);
}

TEST_CASE("a stop at any moment ends the run, and what was taken is committed") {
  Run run(at("193", "e193"));
  const auto stop = [&](Session& s) { s.stop(run.now()); };
  SECTION("asking") {
    run.with(stop);
    run.position();
  }
  SECTION("connecting") {
    run.position();
    run.with(stop);
    run.open();
    CHECK(run.sends.empty());
    run.close(1000, true);
  }
  SECTION("refused") {
    run.position();
    run.with(stop);
    run.with([&](Session& s) { s.refused(run.now(), {.words = "given up"}); });
  }
  SECTION("initializing") {
    run.position();
    run.open();
    run.with(stop);
    run.close(1000, true);
  }
  SECTION("events held") {
    run.subscribed();
    run.event("194", "e194");
    run.with(stop);
    run.close(1000);
    run.taken_over();
    CHECK(run.published == std::vector<std::string>{"194"});
    run.settled();
  }
  CHECK(run.status() == ExitStatus::kOk);
}

TEST_CASE("what Oracle's patterns refuse is refused before any connection") {
  const Subscription bad = GENERATE(
      Subscription{.chain = ""}, Subscription{.chain = "A\"B"}, Subscription{.chain = "A\\"},
      Subscription{.chain = "A,B"}, Subscription{.chain = std::string(21, 'A')},
      Subscription{.chain = "CH\xc3\x84"}, Subscription{.chain = "CHAIN", .from = "12a"},
      Subscription{.chain = "CHAIN", .from = std::string(21, '1')},
      Subscription{.chain = "CHAIN", .hotels = "A\nB", .from = "1"},
      Subscription{.chain = "CHAIN", .hotels = std::string(51, 'A'), .from = "1"},
      Subscription{.chain = "CHAIN", .hotels = "A"});
  try {
    check_subscription(bad);
    FAIL("not refused");
  } catch (const Error& error) {
    CHECK(error.status() == ExitStatus::kConfig);
  }
  check_subscription({.chain = "A b_%#$&-9", .hotels = "A,B", .from = "007"});
}

TEST_CASE("quiet is when OHIP had nothing newer, not a pause amid its events") {
  Run run(at("193", "e193", 100h));
  run.streaming();
  run.event("193", "e193");
  const TimePoint before = run.now().wall;
  run.pass(14s);
  SECTION("an event after a pause says nothing") {
    run.event("194", "e194");
    run.close(4500);
    CHECK(run.settle.value().quiet < before);
  }
  SECTION("the answer to a ping of ours after the pause does, for when that was sent") {
    run.message(R"({"type":"pong"})");
    run.event("194", "e194");
    run.close(4500);
    CHECK(run.settle.value().quiet == before + 5s);
  }
  SECTION("a ping of OHIP's says nothing: it may have been held up, and events behind it") {
    run.message(R"({"type":"ping"})");
    run.event("194", "e194");
    run.close(4500);
    CHECK(run.settle.value().quiet < before);
  }
  SECTION("nor does the answer to a ping that was sent before the pause, held up in the same way") {
    run.event("194", "e194");
    run.pass(12s);
    const bool answered = GENERATE(false, true);
    for (int answers = answered ? 3 : 2; answers > 0; --answers) {
      run.message(R"({"type":"pong"})");
    }
    run.event("195", "e195");
    run.close(4500);
    CHECK((run.settle.value().quiet == before + 25s) == answered);
    CHECK((run.settle.value().quiet < before) == !answered);
  }
  SECTION("nor does a pong after OHIP has ended the subscription itself") {
    run.event("194", "e194");
    run.message(R"({"id":"sub-1","type":"complete"})");
    run.pass(7s);
    run.message(R"({"type":"pong"})");
    run.close(1000);
    CHECK(run.settle.value().quiet < before);
  }
  SECTION("complete into silence, answered by the close") {
    run.with([&](Session& s) { s.stop(run.now()); });
    run.close(1000);
    CHECK(run.settle.value().quiet == before + 14s);
  }
  SECTION("nor does complete because Kafka took nothing: nothing was read then") {
    run.room(false);
    run.pass(60s);
    run.close(1000);
    CHECK(run.settle.value().quiet < before);
  }
  SECTION("complete into silence, and then there was something") {
    run.with([&](Session& s) { s.stop(run.now()); });
    run.event("194", "e194");
    run.close(1000);
    CHECK(run.settle.value().quiet < before);
  }
}

TEST_CASE("what was received and not published was not had: no quiet is claimed over it") {
  Run run(at("193", "e193", 100h));
  run.subscribed();
  run.event("194", "e194");
  run.pass(14s);
  run.message(R"({"type":"pong"})");
  run.pass(46s);
  CHECK(run.sent() == kComplete);
  run.close(1000);
  run.taken_over();
  CHECK(run.published.empty());
  CHECK(run.settle.value().quiet == TimePoint{});
}
