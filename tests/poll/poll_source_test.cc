#include "poll/poll_source.h"

#include <pthread.h>

#include <algorithm>
#include <csignal>
#include <future>
#include <set>
#include <thread>

#include "base/request_id.h"
#include "base/stop.h"
#include "support/catch.h"
#include "support/coded.h"
#include "support/fake_clock.h"
#include "support/scripted_server.h"
#include "support/temporary_directory.h"

namespace fs = std::filesystem;
using namespace ohip;
using namespace ohip::test;
using namespace std::chrono_literals;

namespace {

const std::string kBody = R"({"businessEventData":[{"businessEventId":{"id":"1"}}]})";

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

Step token_answer(const std::string& token = "T1") {
  return answer("200 OK", R"({"access_token":")" + token + R"("})");
}

// A run with its gateway, which gives the token T1 before it follows the script.
struct World {
  explicit World(const std::vector<Step>& script, Milliseconds time = 50s) : deadline(clock, time) {
    std::vector<Step> steps = {token_answer()};
    steps.insert(steps.end(), script.begin(), script.end());
    server.emplace(std::move(steps));
    config.gateway = {.url = server->url(), .host = "127.0.0.1", .name = "127.0.0.1"};
  }

  static Config make_config() {
    Config config;
    config.external_system = "EXT";
    config.credentials.client_id = "client";
    config.credentials.client_secret = "s3cret";
    config.credentials.app_key = "41ecd082-8997-4c69-af34-2f72b83645ff";
    return config;
  }

  std::optional<Batch> take() {
    PollSource source(config, hotel, http, oauth, pace, clock, deadline, report);
    return source.take(spool, permit);
  }

  Error error() {
    try {
      take();
    } catch (const Error& error) {
      return error;
    }
    return {ExitStatus::kOk, ""};
  }

  // The GETs that OHIP saw.
  std::vector<std::string> polls() const {
    std::vector<std::string> polls = server->requests();
    std::erase_if(polls, [](const std::string& request) { return request.rfind("GET ", 0) != 0; });
    return polls;
  }

  // What is in the queue's directory, but for what tells of the queue itself, and the quarantine.
  std::set<std::string> files() const {
    std::set<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator(spool.directory())) {
      const std::string name = entry.path().filename();
      if (name != "lock" && name != "doubt" && !entry.is_directory()) {
        names.insert(fs::relative(entry.path(), spool.directory()));
      }
    }
    return names;
  }

  TemporaryDirectory directory;
  FakeClock clock;
  Config config = make_config();
  std::string hotel = "ABC";
  std::optional<ScriptedServer> server;
  CurlHttpClient http;
  Deadline deadline;
  OAuth oauth{config.gateway, config.credentials, directory.path(), clock, deadline};
  Pace pace{0, clock, deadline};
  QueueReport report;
  std::function<void()> permit = [] {};
  Spool spool = Spool::open(directory.path(), {"127.0.0.1", "EXT", "ABC"}).value();
};

std::string header(const std::string& request, const std::string& name) {
  const std::string begin = "\r\n" + name + ": ";
  const std::size_t at = request.find(begin);
  if (at == std::string::npos) {
    return "(absent)";
  }
  const std::size_t value = at + begin.size();
  return request.substr(value, request.find("\r\n", value) - value);
}

}  // namespace

TEST_CASE("a hotel's queue is asked with all that OHIP wants to know") {
  World world({answer("204 No Content")});
  world.take();
  const std::string poll = world.polls().at(0);
  CHECK(poll.rfind("GET /int/v1/externalSystem/EXT/hotels/ABC/businessEvents?limit=20 HTTP/1.1",
                   0) == 0);
  CHECK(header(poll, "Authorization") == "Bearer T1");
  CHECK(header(poll, "x-app-key") == "41ecd082-8997-4c69-af34-2f72b83645ff");
  CHECK(header(poll, "x-hotelid") == "ABC");
  CHECK(header(poll, "x-request-id").size() == 36);
  CHECK(header(poll, "x-externalsystem") == "EXT");
  CHECK(header(poll, "x-originating-application") == "ohip-poll");
  CHECK(header(poll, "Accept") == "application/json");
  CHECK(header(poll, "externalData") == "(absent)");
}

TEST_CASE("the chain's queue has no hotel in its path and one in its header") {
  World world({answer("204 No Content")});
  world.config.scope = QueueScope::kChain;
  world.config.external_data = true;
  world.config.limit = 7;
  world.take();
  const std::string poll = world.polls().at(0);
  CHECK(poll.rfind("GET /int/v1/externalSystem/EXT/businessEvents?limit=7 HTTP/1.1", 0) == 0);
  CHECK(header(poll, "x-hotelid") == "ABC");
  CHECK(header(poll, "externalData") == "true");
}

TEST_CASE("codes are encoded in the path") {
  World world({answer("204 No Content")});
  world.hotel = "A/B C";
  world.config.external_system = "E&F";
  world.take();
  CHECK(world.polls().at(0).rfind("GET /int/v1/externalSystem/E%26F/hotels/A%2FB%20C/business",
                                  0) == 0);
}

TEST_CASE("an answer with a body is in the spool, verbatim, under its x-request-id") {
  const std::string status = GENERATE("200 OK", "201 Created", "206 Partial Content");
  World world({answer(status, kBody)});
  const std::optional<Batch> batch = world.take();
  REQUIRE(batch);
  CHECK(batch->body == kBody);
  CHECK(batch->storage_error.empty());
  CHECK(batch->request_id == header(world.polls().at(0), "x-request-id"));
  CHECK(batch->received == world.clock.now());
  CHECK(world.files() == std::set{batch->file});
  CHECK(world.spool.read(batch->file).body == kBody);
}

TEST_CASE("a page where events should be is kept all the same: what it is, is decided later") {
  World world({answer("200 OK", "<html>", "Content-Type: text/html\r\n")});
  CHECK(world.take().value().body == "<html>");
}

TEST_CASE("an empty queue leaves nothing behind") {
  World world({GENERATE(answer("204 No Content"), answer("200 OK"), answer("200 OK", " \r\n\t"),
                        answer("200 OK", "\xef\xbb\xbf\r\n"), raw("HTTP/1.1 204 No Content\r\n"))});
  CHECK_FALSE(world.take());
  CHECK(world.files().empty());
}

TEST_CASE("of an answer cut off on its way what came is kept") {
  World world({raw(head("200 OK", "Content-Length: 999\r\n") + kBody)});
  const std::optional<Batch> batch = world.take();
  REQUIRE(batch);
  CHECK(batch->body == kBody);
  CHECK(world.spool.read(batch->file).body == kBody);
  CHECK(world.polls().size() == 1);
}

TEST_CASE("of an endless answer the bound is kept") {
  World world({raw(head("200 OK") + std::string(kMaxBody + 1, 'x'))});
  const std::optional<Batch> batch = world.take();
  REQUIRE(batch);
  CHECK(batch->body.size() == kMaxBody);
  CHECK(fs::file_size(world.spool.directory() / batch->file) == kMaxBody);
}

TEST_CASE("an answer that may have been lost is said to be, with the bound, and not asked again") {
  const Step losing =
      GENERATE(raw(""), raw("", Step::Then::kReset), raw("HTTP/1.1 2"), raw(head("100 Continue")),
               raw("HTTP/1.1 200 OK\r\n"), raw(head("200 OK", "Content-Length: 9\r\n")),
               raw(head("200 OK", "Content-Length: 9\r\n") + " \n"), raw(head("200 OK")),
               raw(head("200 OK") + "\r\n"), raw(head("200 OK") + "\xef\xbb\xbf"),
               raw(head("200 OK", "Transfer-Encoding: chunked\r\n") + "3\r\n\xef\xbb\xbf\r\n"),
               answer("408 Request Timeout"), answer("504 Gateway Timeout", "<html>"),
               answer("504 Gateway Timeout", R"({"o:errorCode":"OPERAWS-GEN00001"})"),
               raw("HTTP/1.1 504 Gateway Timeout\r\n"), answer("502 Bad Gateway", "<html>"),
               answer("507 Odd"), answer("524 Odd"));
  CAPTURE(losing.bytes);
  World world({losing, answer("200 OK", kBody)});
  const Error error = world.error();
  CHECK(error.status() == ExitStatus::kPossibleLoss);
  const std::string request_id = header(world.polls().at(0), "x-request-id");
  CHECK(contains(error.what(), "up to 20 events may be lost"));
  CHECK(contains(error.detail(), "x-request-id " + request_id));
  CHECK(contains(error.detail(), "2026-11-23T19:07:05.000000Z"));
  CHECK(world.polls().size() == 1);
  REQUIRE(world.files().size() == 1);
  const fs::path note = world.spool.directory() / *world.files().begin();
  CHECK(note.extension() == ".reason");
  CHECK(note.parent_path().filename() == "quarantine");
  CHECK(contains(note.string(), request_id));
  CHECK(contains(error.hint(), note.string()));
  CHECK(read_file(note, ExitStatus::kSpool) ==
        fmt::format("{} ({})\n", error.what(), error.detail()));
  CHECK(world.report.possibly_lost == 20);
  CHECK(world.report.polls == 1);
}

TEST_CASE("what comes in an answer's place is kept beside the note of the loss, byte for byte") {
  const std::string bytes =
      GENERATE(as<std::string>{}, kBody, "{}", "garbage\r\n\r\n",
               "0\r\n\r\n" + answer("200 OK", kBody).bytes, "{}" + gzip(kBody), gzip(kBody));
  World world({raw(bytes)});
  const Error error = world.error();
  CHECK(error.status() == ExitStatus::kPossibleLoss);
  CHECK(contains(error.what(), "does not speak HTTP/1.1: up to 20 events may be lost"));
  REQUIRE(world.files().size() == 2);
  const fs::path kept = world.spool.directory() / *world.files().begin();
  CHECK(kept.extension() == ".json");
  CHECK(kept.parent_path().filename() == "quarantine");
  CHECK(read_file(kept, ExitStatus::kSpool) == bytes);
  const fs::path note = fs::path(kept).replace_extension(".reason");
  CHECK(contains(error.hint(), note.string()));
  CHECK(contains(read_file(note, ExitStatus::kSpool),
                 "what was received instead is in the file beside this one"));
  CHECK(world.spool.in_doubt());
}

TEST_CASE("an answer that says two lengths is spooled as it came, also where nothing ends it") {
  const std::string length = "Content-Length: " + std::to_string(kBody.size()) + "\r\n";
  const std::string head_of =
      GENERATE_COPY(length + "Content-Length: 9\r\n", "Content-Length: 9\r\n" + length,
                    length + "Transfer-Encoding: chunked\r\n");
  World world({raw(head("200 OK", head_of) + kBody, Step::Then::kHang)});
  world.config.poll_timeout = 1s;
  const Batch batch = world.take().value();
  CHECK(batch.body == kBody);
  CHECK_FALSE(batch.whole);
  CHECK(world.spool.read(batch.file).body == kBody);
}

TEST_CASE("after a possible loss OHIP is asked for one event, and the bound is that one") {
  World world(
      {raw(""), answer("502 Bad Gateway"), answer("503 Unavailable"), answer("200 OK", kBody)});
  CHECK(world.error().status() == ExitStatus::kPossibleLoss);
  CHECK(contains(world.error().what(), "up to 1 event may be lost"));
  CHECK(world.report.possibly_lost == 21);
  CHECK(world.error().status() == ExitStatus::kUnavailable);
  CHECK(world.take().value().asked_for == 1);
  std::vector<std::string> limits;
  for (const std::string& poll : world.polls()) {
    limits.push_back(poll.substr(0, poll.find(" HTTP")).substr(poll.find("limit=")));
  }
  CHECK(limits == std::vector<std::string>{"limit=20", "limit=1", "limit=1", "limit=1"});
}

TEST_CASE("a body is spooled byte for byte as it was sent, whatever its head says of it") {
  const auto [body, header] =
      GENERATE(std::pair{gzip(kBody), "Content-Encoding: gzip\r\n"},
               std::pair{kBody, "Content-Encoding: UTF-8\r\n"},
               std::pair{kBody, "Content-Encoding: gzip\r\n"},
               std::pair{kBody, "Content-Encoding: gzip, gzip, gzip, br, x, y, z\r\n"},
               std::pair{gzip(kBody), "Content-Type: application/json\r\n"});
  World world({answer("200 OK", body, header)});
  const Batch batch = world.take().value();
  CHECK(batch.body == body);
  CHECK(batch.whole);
  CHECK(world.spool.read(batch.file).body == body);
}

TEST_CASE("whether the answer's end was proven stays with it") {
  const auto [step, whole] = GENERATE(
      std::pair{answer("200 OK", kBody), true}, std::pair{raw(head("200 OK") + kBody), false},
      std::pair{raw(head("200 OK", "Content-Length: 999\r\n") + kBody), false});
  World world({step});
  const Batch batch = world.take().value();
  CHECK(batch.whole == whole);
  CHECK(world.spool.read(batch.file).whole == whole);
  CHECK(world.spool.read(batch.file).received == world.clock.now());
}

TEST_CASE("a GET that dies on a connection used before is counted once") {
  World world({answer("200 OK", kBody), raw(""), answer("200 OK", kBody)});
  REQUIRE(world.take());
  CHECK(world.error().status() == ExitStatus::kPossibleLoss);
  CHECK(world.polls().size() == 2);
}

TEST_CASE("the time OHIP has to answer is the user's") {
  World world({raw("", Step::Then::kHang)}, 500ms);
  world.config.poll_timeout = 500ms;
  const Error error = world.error();
  CHECK(error.status() == ExitStatus::kPossibleLoss);
  CHECK(contains(error.what(), "no response within 0.5 s"));
}

TEST_CASE("a deadline shortens the time to connect, never the time to answer") {
  struct Recorder : HttpClient {
    HttpResponse send(const HttpRequest& request) override {
      connect_timeout = request.connect_timeout;
      answer_timeout = request.answer_timeout;
      CHECK(request.deadline != nullptr);
      CHECK(request.takes);
      return {};
    }
    Milliseconds connect_timeout{};
    Milliseconds answer_timeout{};
  } recorder;
  const auto [left, connect] =
      GENERATE(std::pair{0ms, 1'000ms}, std::pair{5'000ms, 5'000ms}, std::pair{50'000ms, 10'000ms});
  World world({});
  REQUIRE(world.oauth.token(world.http) == "T1");
  world.clock.sleep(50s - left);
  PollSource source(world.config, "ABC", recorder, world.oauth, world.pace, world.clock,
                    world.deadline, world.report);
  CHECK_THROWS_AS(source.take(world.spool, world.permit), Error);
  CHECK(recorder.connect_timeout == connect);
  CHECK(recorder.answer_timeout == 120s);
}

TEST_CASE("neither a deadline that is over nor a signal ends a poll in flight") {
  Stop stop;
  Step late = answer("200 OK", kBody);
  std::promise<void> in_flight;
  std::promise<void> release;
  late.first = [&] {
    in_flight.set_value();
    release.get_future().wait();
  };
  World world({late});
  std::optional<Batch> batch;
  std::thread poller([&] { batch = world.take(); });
  in_flight.get_future().wait();
  world.clock.sleep(50s);
  pthread_kill(poller.native_handle(), SIGTERM);
  pthread_kill(poller.native_handle(), SIGINT);
  stop.request();
  std::this_thread::sleep_for(1500ms);  // libcurl asks whether to go on once a second
  release.set_value();
  poller.join();
  REQUIRE(batch);
  CHECK(batch->body == kBody);
  CHECK(stop.requested());
}

TEST_CASE("an answer that took nothing off the queue has its exit status and leaves nothing") {
  const auto [status_line, expected] = GENERATE(
      std::pair{"500 Internal Server Error", ExitStatus::kUnavailable},
      std::pair{"502 Bad Gateway", ExitStatus::kUnavailable},
      std::pair{"503 Service Unavailable", ExitStatus::kUnavailable},
      std::pair{"402 Payment Required", ExitStatus::kRefused},
      std::pair{"403 Forbidden", ExitStatus::kRefused}, std::pair{"301 Moved", ExitStatus::kConfig},
      std::pair{"302 Found", ExitStatus::kConfig},
      std::pair{"400 Bad Request", ExitStatus::kConfig},
      std::pair{"404 Not Found", ExitStatus::kConfig},
      std::pair{"405 Method Not Allowed", ExitStatus::kConfig},
      std::pair{"406 Not Acceptable", ExitStatus::kConfig},
      std::pair{"413 Too Large", ExitStatus::kConfig},
      std::pair{"414 Too Long", ExitStatus::kConfig},
      std::pair{"415 Unsupported", ExitStatus::kConfig},
      std::pair{"418 Teapot", ExitStatus::kConfig},
      std::pair{"501 Not Implemented", ExitStatus::kUnavailable},
      std::pair{"505 Version", ExitStatus::kUnavailable});
  const bool whole = GENERATE(true, false);
  CAPTURE(status_line, whole);
  const std::string body = R"({"title":"No","o:errorCode":"OPERAWS-GEN01244"})";
  World world({whole ? answer(status_line, body)
                     : raw(head(status_line, "Content-Length: 999\r\n") + body)});
  const Error error = world.error();
  CHECK(error.status() == expected);
  CHECK(contains(error.what(), std::string(status_line) + ": OPERAWS-GEN01244: No"));
  CHECK(contains(error.detail(), header(world.polls().at(0), "x-request-id")));
  CHECK_FALSE(error.hint().empty());
  CHECK_FALSE(contains(error.what() + error.hint(), "T1"));
  CHECK(world.polls().size() == 1);
  CHECK(world.files().empty());
}

TEST_CASE("a 401 is answered by a new token, once, under a new x-request-id") {
  World world({answer("401 Unauthorized"), token_answer("T2"), answer("200 OK", kBody)});
  REQUIRE(world.take());
  const std::vector<std::string> polls = world.polls();
  REQUIRE(polls.size() == 2);
  CHECK(header(polls[0], "Authorization") == "Bearer T1");
  CHECK(header(polls[1], "Authorization") == "Bearer T2");
  CHECK(header(polls[0], "x-request-id") != header(polls[1], "x-request-id"));
  CHECK(world.files().size() == 1);
}

TEST_CASE("a 401 with a new token is a refusal for all hotels of the run") {
  World world({answer("401 Unauthorized"), token_answer("T2"), answer("401 Unauthorized"),
               token_answer("T3"), answer("200 OK", kBody)});
  CHECK(world.error().status() == ExitStatus::kRefused);
  world.hotel = "DEF";
  const Error next = world.error();
  CHECK(next.status() == ExitStatus::kRefused);
  CHECK(contains(next.hint(), "OHIP_APP_KEY"));
  CHECK(world.server->requests().size() == 4);
  CHECK(world.files().empty());
}

TEST_CASE("a 403 is one hotel's affair") {
  World world({answer("403 Forbidden"), answer("200 OK", kBody)});
  const Error error = world.error();
  CHECK(error.status() == ExitStatus::kRefused);
  CHECK(contains(error.hint(), "ABC"));
  world.hotel = "DEF";
  CHECK(world.take());
}

TEST_CASE("a 429 is waited out, under a new x-request-id, with no file while it waits") {
  // Looks into the spool when the source sleeps.
  struct Watcher : FakeClock {
    void sleep(Milliseconds duration) override {
      files_while_waiting += world->files().size();
      ++sleeps;
      FakeClock::sleep(duration);
    }
    World* world = nullptr;
    std::size_t files_while_waiting = 0;
    int sleeps = 0;
  };
  World world({answer("429 Too Many Requests", {}, "Retry-After: 7\r\n"),
               answer("429 Too Many Requests"), answer("200 OK", kBody)});
  Watcher clock;
  clock.world = &world;
  const Deadline deadline(clock, 50s);
  Pace pace(0, clock, deadline);
  PollSource source(world.config, "ABC", world.http, world.oauth, pace, clock, deadline,
                    world.report);
  REQUIRE(source.take(world.spool, world.permit));
  CHECK(world.report.throttled == 2);
  CHECK(clock.steady() - SteadyPoint() == 9s);
  CHECK(clock.sleeps == 2);
  CHECK(clock.files_while_waiting == 0);
  std::set<std::string> ids;
  for (const std::string& poll : world.polls()) {
    ids.insert(header(poll, "x-request-id"));
  }
  CHECK(ids.size() == 3);
}

TEST_CASE("OHIP is not asked before the permit is given, and not at all when it is refused") {
  World world({answer("200 OK", kBody)});
  world.permit = [&] {
    CHECK(world.polls().empty());
    throw Error(ExitStatus::kUnavailable, "Kafka: no");
  };
  CHECK(world.error().what() == std::string("Kafka: no"));
  CHECK(world.polls().empty());
  CHECK(world.files().empty());
}

TEST_CASE("a poll whose permit took long leaves on a connection that has not waited for it") {
  World world({answer("200 OK", kBody)});
  int permits = 0;
  world.permit = [&] {
    ++permits;
    std::this_thread::sleep_for(600ms);
  };
  CHECK(world.take());
  CHECK(permits == 1);
  CHECK(world.polls().size() == 1);
  CHECK(world.server->connections() == 3);  // the token's, the one that waited, the poll's
}

TEST_CASE("what another answer left in the connection is not taken for a poll's") {
  Step first = answer("204 No Content");
  SECTION("the last chunk of an answer that has none") {
    first = raw(head("204 No Content", "Transfer-Encoding: chunked\r\n"), Step::Then::kKeep);
    first.later = "0\r\n\r\n";
  }
  SECTION("a whole answer") {
    first.later =
        GENERATE("HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n",
                 "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n",
                 "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
  }
  SECTION("its end") {
    first.then = GENERATE(Step::Then::kClose, Step::Then::kFarewell);
  }
  World world({first, answer("200 OK", kBody)});
  CHECK_FALSE(world.take());
  world.permit = [] { std::this_thread::sleep_for(100ms); };  // as a Kafka far away takes
  const std::optional<Batch> batch = world.take();
  REQUIRE(batch);
  CHECK(batch->body == kBody);
  CHECK(world.polls().size() == 2);
  CHECK(world.report.polls == 2);
}

TEST_CASE("a line end behind the token is none of the poll's") {
  Step token = token_answer();
  token.later = "\r\n";
  ScriptedServer server({token, answer("200 OK", kBody)});
  World world({});
  world.config.gateway.url = server.url();
  const std::optional<Batch> batch = world.take();
  REQUIRE(batch);
  CHECK(batch->body == kBody);
}

TEST_CASE("a 429 that the run has no time for, or that stays, is unavailability") {
  const Step step = answer("429 Too Many Requests");
  SECTION("no time") {
    World world({answer("429 Too Many Requests", {}, "Retry-After: 60\r\n")});
    CHECK(world.error().status() == ExitStatus::kUnavailable);
    CHECK(world.polls().size() == 1);
    CHECK(world.files().empty());
  }
  SECTION("it stays") {
    World world({step, step, step, step, step, step, step});
    CHECK(world.error().status() == ExitStatus::kUnavailable);
    CHECK(world.polls().size() == 6);  // after waits of 1, 2, 4, 8 and 16 s
    CHECK(world.files().empty());
  }
}

TEST_CASE("a gateway that cannot be reached is tried again, and then unavailable") {
  World world({});
  REQUIRE(world.oauth.token(world.http) == "T1");
  Config unreachable = world.config;
  unreachable.gateway.url = "http://127.0.0.1:1";
  PollSource source(unreachable, "ABC", world.http, world.oauth, world.pace, world.clock,
                    world.deadline, world.report);
  try {
    source.take(world.spool, world.permit);
    FAIL();
  } catch (const Error& error) {
    CHECK(error.status() == ExitStatus::kUnavailable);
    CHECK(contains(error.what(), "127.0.0.1"));
  }
  CHECK(world.clock.steady() - SteadyPoint() == 3500ms);
  CHECK(world.files().empty());
}

TEST_CASE("a spool that fails before the request leaves keeps it from leaving") {
  World world({answer("200 OK", kBody)});
  REQUIRE(world.oauth.token(world.http) == "T1");
  SECTION("when room is made") {
    fs::remove_all(world.spool.directory());
  }
  SECTION("when the connection stands") {
    // Makes the spool's file vanish between reserving and asking.
    struct Thief : HttpClient {
      HttpResponse send(const HttpRequest& request) override {
        fs::remove_all(world->spool.directory());
        return world->http.send(request);
      }
      World* world = nullptr;
    } thief;
    thief.world = &world;
    PollSource source(world.config, "ABC", thief, world.oauth, world.pace, world.clock,
                      world.deadline, world.report);
    try {
      source.take(world.spool, world.permit);
      FAIL();
    } catch (const Error& error) {
      CHECK(error.status() == ExitStatus::kSpool);
      CHECK(contains(error.what(), world.spool.directory().string()));
    }
    CHECK(world.polls().empty());
    return;
  }
  CHECK(world.error().status() == ExitStatus::kSpool);
  CHECK(world.polls().empty());
}

TEST_CASE("without a token nothing is asked for and nothing is left") {
  World world({});
  world.oauth.refuse(Error(ExitStatus::kRefused, "no"));
  CHECK(world.error().status() == ExitStatus::kRefused);
  CHECK(world.server->requests().empty());
  CHECK(world.files().empty());
}

TEST_CASE("an x-request-id is a random UUID of version 4") {
  std::set<std::string> ids;
  for (int i = 0; i < 1000; ++i) {
    const std::string id = make_request_id();
    ids.insert(id);
    REQUIRE(id.size() == 36);
    for (std::size_t at = 0; at < id.size(); ++at) {
      const bool dash = at == 8 || at == 13 || at == 18 || at == 23;
      CHECK(std::string(dash ? "-" : "0123456789abcdef").find(id[at]) != std::string::npos);
    }
    CHECK(id[14] == '4');
    CHECK(contains("89ab", std::string(1, id[19])));
  }
  CHECK(ids.size() == 1000);
}
