// The Streaming API's side of the simulator, with a client that knows nothing of ohip-stream's.

#include <chrono>
#include <fstream>
#include <string>
#include <vector>

#include "support/catch.h"
#include "support/simulator_fixture.h"
#include "support/temporary_directory.h"
#include "support/websocket_client.h"

namespace {

using namespace std::chrono_literals;
using ohip::sim::Options;
using ohip::sim::parse_fault;
using ohip::sim::Stream;
using ohip::test::Fixture;
using ohip::test::parse;
using ohip::test::WebSocketClient;

using Texts = std::vector<std::string>;

const char* const kAll =
    "metadata { offset uniqueEventId } moduleName eventName primaryKey timestamp hotelId "
    "publisherId actionInstanceId detail { oldValue newValue elementName scopeFrom scopeTo "
    "elementSequence elementType elementRole }";

// Oracle's waits, but no test's.
Options quick() {
  Options options;
  options.lock_out = 60s;
  options.resubscribe_wait = 0ms;
  return options;
}

// A simulator with the stream of chain C, and what a client of it says.
struct StreamFixture : Fixture {
  explicit StreamFixture(const Options& options = quick()) : Fixture(options) {}

  std::string path() const {
    return sim.url() + "/subscriptions?key=" + ohip::test::hex_sha256(sim.options().app_key);
  }

  std::string init(const std::string& bearer, const std::string& key) const {
    return R"({"type":"connection_init","payload":{"Authorization":"Bearer )" + bearer +
           R"(","x-app-key":")" + key + R"("}})";
  }

  // An open socket whose connection_init was acknowledged.
  void connect(WebSocketClient& socket) {
    if (token_.empty()) {
      token_ = token();
    }
    REQUIRE(socket.open(path()) == 101);
    socket.send(init(token_, sim.options().app_key));
    REQUIRE(socket.receive() == R"({"type":"connection_ack"})");
  }

  static std::string message(const std::string& query, const std::string& variables = "{}") {
    std::string escaped;
    for (const char c : query) {
      escaped += c == '"' || c == '\\' ? std::string("\\") + c : std::string(1, c);
    }
    return R"({"id":"s1","type":"subscribe","payload":{"variables":)" + variables +
           R"(,"query":")" + escaped + R"("}})";
  }

  static std::string subscribe(const std::string& more = "", const std::string& fields = kAll) {
    return message("subscription { newEvent(input: { chainCode: \"C\" " + more + "}) { " + fields +
                   " } }");
  }

  void subscribed(WebSocketClient& socket, const std::string& more = "") {
    connect(socket);
    socket.send(subscribe(more));
  }

  void add(std::size_t count, const std::string& hotel = "ABC") {
    sim.streaming().add("C", [&](Stream& stream) {
      stream.add_made(hotel, count, 0, std::chrono::system_clock::now());
    });
  }

  void fault(const std::string& text, const std::string& body = {}) {
    sim.inject(parse_fault(text, body));
  }
};

// The newEvent of a next; other messages are passed over.
std::string next_event(WebSocketClient& socket) {
  const std::string start = R"({"id":"s1","type":"next","payload":{"data":{"newEvent":)";
  for (auto text = socket.receive(); text; text = socket.receive()) {
    if (text->starts_with(start)) {
      return text->substr(start.size(), text->size() - start.size() - 3);
    }
  }
  return "";
}

std::string member(const std::string& event, const char* name) {
  return parse(event)[name].GetString();
}

std::string offset_of(const std::string& event) {
  return event.empty() ? "" : parse(event)["metadata"]["offset"].GetString();
}

Texts take(WebSocketClient& socket, std::size_t count) {
  Texts events;
  for (std::size_t i = 0; i < count; ++i) {
    events.push_back(next_event(socket));
  }
  return events;
}

// The code it is closed with after that message.
int code_after(WebSocketClient& socket, const std::string& message) {
  socket.send(message);
  return socket.wait_for_end();
}

const char* const kComplete = R"({"id":"s1","type":"complete"})";

}  // namespace

TEST_CASE_METHOD(StreamFixture, "an upgrade is answered as RFC 6455 wants it") {
  WebSocketClient socket;
  CHECK(socket.open(path()) == 101);
  CHECK(socket.head().find("\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n") !=
        std::string::npos);
  CHECK(socket.head().find("\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n") !=
        std::string::npos);
}

TEST_CASE_METHOD(StreamFixture, "a wrong key or no upgrade at all is answered 400") {
  const std::string url = sim.url() + "/subscriptions";
  const std::string hash = ohip::test::hex_sha256(sim.options().app_key);
  WebSocketClient socket;
  SECTION("no key") {
    CHECK(socket.open(url) == 400);
  }
  SECTION("the key itself") {
    CHECK(socket.open(url + "?key=" + sim.options().app_key) == 400);
  }
  SECTION("in upper case") {
    std::string upper = hash;
    for (char& c : upper) {
      c = c >= 'a' && c <= 'f' ? static_cast<char>(c - 'a' + 'A') : c;
    }
    CHECK(socket.open(url + "?key=" + upper) == 400);
  }
  SECTION("another path") {
    CHECK(socket.open(sim.url() + "/streaming?key=" + hash) == 404);
  }
  SECTION("no upgrade") {
    CHECK(client.send("GET", path(), {}).status == 400);
  }
  SECTION("another method") {
    CHECK(client.send("POST", path(), {}).status == 405);
  }
  SECTION("more than 8 KB of headers") {
    for (int i = 0; i < 9; ++i) {
      socket.headers.push_back("X-" + std::to_string(i) + ": " + std::string(1000, 'x'));
    }
    CHECK(socket.open(path()) == 400);
  }
}

TEST_CASE("more upgrades than allowed in two minutes are answered 429") {
  Options options = quick();
  options.upgrades_per_2_min = 2;
  StreamFixture f(options);
  WebSocketClient first, second, third;
  CHECK(first.open(f.path()) == 101);
  CHECK(second.open(f.path()) == 101);
  CHECK(third.open(f.path()) == 429);
}

TEST_CASE_METHOD(StreamFixture, "an upgrade can be refused with any status") {
  fault("on=upgrade&kind=status&status=" + std::to_string(GENERATE(401, 403, 503)) + "&body=empty");
  WebSocketClient refused, admitted;
  const int status = refused.open(path());
  CHECK((status == 401 || status == 403 || status == 503));
  CHECK(admitted.open(path()) == 101);
}

TEST_CASE_METHOD(StreamFixture, "an upgrade can be left without an answer") {
  fault("on=upgrade&kind=close");
  WebSocketClient socket;
  CHECK(socket.open(path()) == 0);
}

TEST_CASE_METHOD(StreamFixture, "a client without the sub-protocol is closed with 4406") {
  WebSocketClient socket;
  socket.headers = {GENERATE("X-None: 1", "Sec-WebSocket-Protocol: graphql-ws",
                             "Sec-WebSocket-Protocol: GraphQL-Transport-WS")};
  CHECK(socket.open(path()) == 101);
  CHECK(socket.head().find("Sec-WebSocket-Protocol") == std::string::npos);
  CHECK(socket.wait_for_end() == 4406);
}

TEST_CASE_METHOD(StreamFixture, "the sub-protocol may be one of several") {
  WebSocketClient socket;
  socket.headers = {"Sec-WebSocket-Protocol: graphql-ws, graphql-transport-ws"};
  connect(socket);
}

TEST_CASE("a client that does not say connection_init in time is closed with 4408") {
  Options options = quick();
  options.init_timeout = 50ms;
  StreamFixture f(options);
  WebSocketClient socket;
  REQUIRE(socket.open(f.path()) == 101);
  CHECK(socket.wait_for_end() == 4408);
}

TEST_CASE_METHOD(StreamFixture, "credentials that are not right are refused with 4401") {
  WebSocketClient socket;
  REQUIRE(socket.open(path()) == 101);
  const std::string right = token();
  const std::string key = sim.options().app_key;
  SECTION("no token of ours") {
    CHECK(code_after(socket, init("x", key)) == 4401);
  }
  SECTION("the key's hash") {
    CHECK(code_after(socket, init(right, ohip::test::hex_sha256(key))) == 4401);
  }
  SECTION("no payload") {
    CHECK(code_after(socket, R"({"type":"connection_init"})") == 4401);
  }
  SECTION("a revoked token") {
    sim.revoke_tokens();
    CHECK(code_after(socket, init(right, key)) == 4401);
  }
  SECTION("none before the subscription") {
    CHECK(code_after(socket, subscribe()) == 4401);
  }
}

TEST_CASE_METHOD(StreamFixture, "a second connection_init is closed with 4429") {
  WebSocketClient socket;
  connect(socket);
  CHECK(code_after(socket, init(token_, sim.options().app_key)) == 4429);
}

TEST_CASE_METHOD(StreamFixture, "a message that is none of the protocol's is closed with 4400") {
  WebSocketClient socket;
  connect(socket);
  CHECK(code_after(socket,
                   GENERATE("", "{", "[]", "7", R"({"type":"start"})", R"({"type":"subscribe"})",
                            R"({"id":"s1","type":"subscribe","payload":{}})")) == 4400);
}

TEST_CASE_METHOD(StreamFixture, "no UTF-8 is closed with 1007, a message of 2 MB with 1009") {
  WebSocketClient socket;
  connect(socket);
  SECTION("no UTF-8") {
    CHECK(code_after(socket, "\xff\xfe") == 1007);
  }
  SECTION("2 MB") {
    CHECK(code_after(socket, std::string(2'000'000, 'x')) == 1009);
  }
}

TEST_CASE_METHOD(StreamFixture,
                 "an operation outside Oracle's schema is closed with 4400 and why") {
  struct Case {
    const char* query;
    const char* why;
  };
  const auto wrong = GENERATE(
      Case{"subscription { newEvent(input: {chainCode: \"C\"}) { xyz } }",
           "Cannot query field \"xyz\" on type \"EventHeader\"."},
      Case{"subscription { newEvent(input: {chainCode: \"C\"}) { metadata { id } } }",
           "Cannot query field \"id\" on type \"Metadata\"."},
      Case{"subscription { newEvent(input: {chainCode: \"C\"}) }", "must have a selection"},
      Case{"subscription { newEvent(input: {chainCode: \"C\"}) { detail } }",
           "must have a selection"},
      Case{"subscription { newEvent { moduleName } }", "is required"},
      Case{"subscription { newEvent(input: {}) { moduleName } }", "Value for chainCode is invalid"},
      Case{"subscription { newEvent(input: {chainCode: \"C'\"}) { moduleName } }",
           "Value for chainCode is invalid - Expected C' to match pattern ^[A-Za-z0-9 _%#$&-]+$"},
      Case{
          "subscription { newEvent(input: {chainCode: \"123456789012345678901\"}) { moduleName } }",
          "Value for chainCode is invalid"},
      Case{"subscription { newEvent(input: {chainCode: \"C\", offset: \"12a\"}) { moduleName } }",
           "Value for offset is invalid - Expected 12a to match pattern ^[0-9]+$"},
      Case{"subscription { newEvent(input: {chainCode: \"C\", offset: 12}) { moduleName } }",
           "Value for offset is invalid"},
      Case{"subscription { newEvent(input: {chainCode: \"C\", offsetType: \"lowest\"}) "
           "{ moduleName } }",
           "Value for offsetType is invalid"},
      Case{
          "subscription { newEvent(input: {chainCode: \"C\", hotelCode: \"A;B\"}) { moduleName } }",
          "Value for hotelCode is invalid"},
      Case{"subscription { newEvent(input: {chainCode: \"C\", delta: \"yes\"}) { moduleName } }",
           "Value for delta is invalid"},
      Case{"subscription { newEvent(input: {chainCode: \"C\", hotel: \"A\"}) { moduleName } }",
           "Field \"hotel\" is not defined"},
      Case{"subscription { newEvent(input: {chainCode: \"C\"}) { moduleName }", "Syntax Error"},
      Case{"subscription { newEvent(input: {chainCode: \"C}) { moduleName } }", "Syntax Error"},
      Case{"mutation { newEvent }", "Syntax Error"}, Case{"subscription", "Syntax Error"});
  WebSocketClient socket;
  connect(socket);
  INFO(wrong.query);
  CHECK(code_after(socket, message(wrong.query)) == 4400);
  CHECK(socket.reason().find(wrong.why) != std::string::npos);
}

TEST_CASE("a chain that does not exist is closed with 4403") {
  Options options = quick();
  options.chains = {"OTHER"};
  StreamFixture f(options);
  WebSocketClient socket;
  f.subscribed(socket);
  CHECK(socket.wait_for_end() == 4403);
}

TEST_CASE_METHOD(StreamFixture, "all events come in order, those to come when they come") {
  add(10);
  WebSocketClient socket;
  subscribed(socket);
  Texts events = take(socket, 10);
  add(1);
  events.push_back(next_event(socket));
  CHECK(events == sim.streaming().held("C"));
  CHECK(events == sim.streaming().sent("C"));
}

TEST_CASE_METHOD(StreamFixture, "offsets rise, but not by one") {
  add(30);
  const Texts ids = sim.streaming().held_ids("C");
  std::uint64_t holes = 0;
  for (std::size_t i = 1; i < ids.size(); ++i) {
    const std::uint64_t step = std::stoull(ids[i]) - std::stoull(ids[i - 1]);
    CHECK(step >= 1);
    holes += step > 1 ? 1U : 0U;
  }
  CHECK(holes > 0);
}

TEST_CASE_METHOD(StreamFixture, "an event has the fields that were selected, in that order") {
  sim.streaming().add("C", [](Stream& stream) {
    stream.add(R"({"moduleName":"PROFILE","hotelId":null,"detail":[{"oldValue":"a"}]})", false,
               std::chrono::system_clock::now());
  });
  WebSocketClient socket;
  connect(socket);
  socket.send(subscribe("", "hotelId detail { newValue oldValue } moduleName primaryKey"));
  CHECK(next_event(socket) == R"({"hotelId":null,"detail":[{"newValue":null,"oldValue":"a"}],)"
                              R"("moduleName":"PROFILE","primaryKey":null})");
}

TEST_CASE_METHOD(StreamFixture, "delta leaves out details whose value did not change") {
  sim.streaming().add("C", [](Stream& stream) {
    stream.add(R"({"detail":[{"oldValue":"a","newValue":"a"},{"oldValue":"a","newValue":"b"}]})",
               false, std::chrono::system_clock::now());
  });
  WebSocketClient socket;
  connect(socket);
  socket.send(subscribe("delta: true", "detail { newValue }"));
  CHECK(next_event(socket) == R"({"detail":[{"newValue":"b"}]})");
}

TEST_CASE_METHOD(StreamFixture, "the input may be a variable") {
  add(3);
  WebSocketClient socket;
  connect(socket);
  socket.send(
      message("subscription S($input: NewEventInput!) "
              "{ newEvent(input: $input) { metadata { offset } } }",
              R"({"input":{"chainCode":"C","offset":"195"}})"));
  CHECK(next_event(socket) == R"({"metadata":{"offset":"195"}})");
}

TEST_CASE_METHOD(StreamFixture, "hotelCode selects hotels") {
  add(1, "ABC");
  add(1, "DEF");
  add(1, "GHI");
  WebSocketClient socket;
  subscribed(socket, R"(offset: "1", hotelCode: "ABC,GHI")");
  CHECK(member(next_event(socket), "hotelId") == "ABC");
  CHECK(member(next_event(socket), "hotelId") == "GHI");
}

TEST_CASE_METHOD(StreamFixture,
                 "a replay begins with the event of that offset, or the next there is") {
  add(30);
  const Texts held = sim.streaming().held("C");
  WebSocketClient socket;
  SECTION("there") {
    subscribed(socket, "offset: \"" + offset_of(held[12]) + "\"");
    CHECK(next_event(socket) == held[12]);
  }
  SECTION("in a hole") {
    std::size_t behind = 1;
    while (std::stoull(offset_of(held[behind])) == std::stoull(offset_of(held[behind - 1])) + 1) {
      ++behind;
    }
    subscribed(socket,
               "offset: \"" + std::to_string(std::stoull(offset_of(held[behind - 1])) + 1) + "\"");
    CHECK(next_event(socket) == held[behind]);
  }
  SECTION("before all") {
    subscribed(socket, "offset: \"0\"");
    CHECK(next_event(socket) == held[0]);
  }
  SECTION("behind all: nothing until then") {
    subscribed(socket, "offset: \"99999999999999999999\"");
    CHECK_FALSE(socket.receive(300ms));
  }
}

TEST_CASE_METHOD(StreamFixture, "without an offset a stream goes on behind the last event sent") {
  add(10);
  {
    WebSocketClient socket;
    fault("on=event&kind=code&code=1001&after=4");
    subscribed(socket);
    CHECK(socket.wait_for_end() == 1001);
  }
  WebSocketClient socket;
  subscribed(socket);
  CHECK(next_event(socket) == sim.streaming().held("C")[4]);
}

TEST_CASE_METHOD(StreamFixture, "highest begins with the newest, and what was before is gone") {
  add(10);
  const Texts held = sim.streaming().held("C");
  {
    WebSocketClient socket;
    subscribed(socket, "offsetType: \"highest\"");
    CHECK(next_event(socket) == held[9]);
    socket.send(kComplete);
    CHECK(socket.wait_for_end() == 1000);
  }
  WebSocketClient socket;
  subscribed(socket, "offset: \"1\"");
  CHECK(next_event(socket) == held[9]);
}

TEST_CASE_METHOD(StreamFixture, "events older than seven days are not replayed") {
  const auto now = std::chrono::system_clock::now();
  sim.streaming().add("C", [&](Stream& stream) {
    stream.add_made("ABC", 3, 0, now - std::chrono::hours(7 * 24 + 1));
    stream.add_made("ABC", 3, 0, now - std::chrono::hours(7 * 24 - 1));
  });
  WebSocketClient socket;
  subscribed(socket, "offset: \"1\"");
  CHECK(next_event(socket) == sim.streaming().held("C")[3]);
}

TEST_CASE_METHOD(StreamFixture, "a second consumer is turned away, the first does not notice") {
  WebSocketClient first;
  subscribed(first);
  add(1);
  CHECK(take(first, 1) == sim.streaming().held("C"));
  WebSocketClient second;
  subscribed(second);
  CHECK(second.wait_for_end() == 4409);
  add(1);
  CHECK(next_event(first) == sim.streaming().held("C")[1]);
}

TEST_CASE_METHOD(StreamFixture, "two chains have a consumer each") {
  add(1);
  WebSocketClient other;
  connect(other);
  other.send(message("subscription { newEvent(input: {chainCode: \"D\"}) { moduleName } }"));
  WebSocketClient socket;
  subscribed(socket);
  CHECK(next_event(socket) == sim.streaming().held("C")[0]);
}

TEST_CASE_METHOD(StreamFixture, "one that left without complete is locked out") {
  add(1);
  const bool with_close = GENERATE(false, true);
  {
    WebSocketClient gone;
    subscribed(gone);
    CHECK_FALSE(next_event(gone).empty());
    if (with_close) {
      gone.close();
      gone.wait_for_end();
    }
  }
  while (sim.streaming().stats().open > 0) {  // it is noticed in time
  }
  WebSocketClient socket;
  subscribed(socket);
  CHECK(socket.wait_for_end() == 4409);
}

TEST_CASE("the lock-out and the wait after complete pass") {
  Options options = quick();
  options.lock_out = 100ms;
  options.resubscribe_wait = 100ms;
  StreamFixture f(options);
  f.add(1);
  const bool complete = GENERATE(false, true);
  {
    WebSocketClient first;
    f.subscribed(first);
    CHECK_FALSE(next_event(first).empty());
    if (complete) {
      first.send(kComplete);
      CHECK(first.wait_for_end() == 1000);
    }
  }
  std::string event;
  while (event.empty()) {
    WebSocketClient socket;
    f.subscribed(socket, "offset: \"1\"");
    event = next_event(socket);
  }
  CHECK(event == f.sim.streaming().held("C")[0]);
}

TEST_CASE("who subscribes too soon after complete is turned away") {
  Options options = quick();
  options.resubscribe_wait = 60s;
  StreamFixture f(options);
  WebSocketClient first;
  f.subscribed(first);
  CHECK(code_after(first, kComplete) == 1000);
  WebSocketClient second;
  f.subscribed(second);
  CHECK(second.wait_for_end() == 4409);
  CHECK(f.sim.streaming().stats().streams.at("C").refused == 1);
}

TEST_CASE_METHOD(StreamFixture, "after complete some events still come, then the server closes") {
  fault("on=event&kind=delay&ms=300&after=2");  // so that there are more when complete comes
  add(20);
  WebSocketClient socket;
  subscribed(socket);
  take(socket, 2);
  socket.send(kComplete);
  Texts late;
  for (std::string event = next_event(socket); !event.empty(); event = next_event(socket)) {
    late.push_back(event);
  }
  CHECK(socket.code() == 1000);
  CHECK(late.size() <= sim.options().late_events + 1);
  CHECK(sim.streaming().sent("C").size() == 2 + late.size());
}

TEST_CASE_METHOD(StreamFixture, "complete for another id changes nothing") {
  WebSocketClient socket;
  subscribed(socket);
  socket.send(R"({"id":"s2","type":"complete"})");
  add(1);
  CHECK(next_event(socket) == sim.streaming().held("C")[0]);
}

TEST_CASE_METHOD(StreamFixture, "the status query is answered, then its socket is closed") {
  WebSocketClient consumer;
  const bool active = GENERATE(false, true);
  if (active) {
    add(1);
    subscribed(consumer);
    next_event(consumer);
  }
  WebSocketClient socket;
  connect(socket);
  socket.send(message("query { connection { id status } }"));
  const std::string answer = socket.receive().value_or("");
  CHECK(answer.find(active ? R"("status":"Active")" : R"("status":"Inactive")") !=
        std::string::npos);
  CHECK(socket.receive() == R"({"id":"s1","type":"complete"})");
  CHECK(socket.wait_for_end() == 1000);
}

TEST_CASE_METHOD(StreamFixture, "getHelp is answered") {
  WebSocketClient socket;
  connect(socket);
  socket.send(message("{ getHelp { overview connection { errors } } }"));
  CHECK(socket.receive().value_or("").find(R"({"getHelp":{"overview":")") != std::string::npos);
}

TEST_CASE_METHOD(StreamFixture, "a ping is answered, later where that is wanted") {
  WebSocketClient socket;
  connect(socket);
  socket.send(R"({"type":"ping"})");
  CHECK(socket.receive() == R"({"type":"pong"})");
  fault("on=ping&kind=delay&ms=400");
  socket.send(R"({"type":"ping"})");
  CHECK_FALSE(socket.receive(100ms));
  socket.send(subscribe());  // events do not wait for it
  add(1);
  CHECK_FALSE(next_event(socket).empty());
  CHECK(socket.receive() == R"({"type":"pong"})");
}

TEST_CASE("a client that sends no pings is closed, and so is one that answers none") {
  Options options = quick();
  const bool pings = GENERATE(false, true);
  (pings ? options.pong_limit : options.ping_limit) = 300ms;
  options.server_ping = 50ms;
  StreamFixture f(options);
  WebSocketClient socket;
  f.connect(socket);
  CHECK(socket.receive() == R"({"type":"ping"})");
  while (socket.code() == 0) {
    socket.receive(50ms);
    if (pings) {
      socket.send(R"({"type":"ping"})");
    }
  }
  CHECK(socket.code() == 4504);
  CHECK(socket.reason() == (pings ? "No pong" : "No ping"));
  CHECK(f.sim.streaming().stats().late_pings == (pings ? 0 : 1));
}

TEST_CASE("a client that does both in time stays") {
  Options options = quick();
  options.pong_limit = options.ping_limit = 1s;
  options.server_ping = 50ms;
  StreamFixture f(options);
  WebSocketClient socket;
  f.connect(socket);
  for (int i = 0; i < 60; ++i) {
    socket.receive(50ms);
    socket.send(R"({"type":"ping"})");
    socket.send(R"({"type":"pong"})");
  }
  CHECK(socket.code() == 0);
}

TEST_CASE("the socket ends with its token") {
  Options options = quick();
  const bool expires = GENERATE(false, true);
  options.token_lifetime = expires ? 2s : 3600s;
  StreamFixture f(options);
  WebSocketClient socket;
  f.subscribed(socket);
  f.add(1);
  CHECK_FALSE(next_event(socket).empty());
  if (!expires) {
    f.sim.revoke_tokens();
  }
  CHECK(socket.wait_for_end() == 4401);
}

TEST_CASE_METHOD(StreamFixture, "a fault closes with a code and its reason after so many events") {
  add(10);
  fault("on=event&chain=C&kind=code&code=4504&reason=Gateway%20Timeout&after=3");
  WebSocketClient socket;
  subscribed(socket);
  CHECK(take(socket, 3).size() == 3);
  CHECK(socket.wait_for_end() == 4504);
  CHECK(socket.reason() == "Gateway Timeout");
  CHECK(sim.streaming().sent("C").size() == 3);
}

TEST_CASE_METHOD(StreamFixture, "a fault of another chain is not this one's") {
  add(1);
  fault("on=event&chain=D&kind=cut");
  WebSocketClient socket;
  subscribed(socket);
  CHECK_FALSE(next_event(socket).empty());
}

TEST_CASE_METHOD(StreamFixture, "a fault breaks the connection within a frame") {
  add(10);
  fault("on=event&kind=cut&after=2&bytes=" + std::to_string(GENERATE(0, 1, 3, 200)));
  WebSocketClient socket;
  subscribed(socket);
  CHECK(take(socket, 2) == Texts{sim.streaming().held("C")[0], sim.streaming().held("C")[1]});
  CHECK(next_event(socket).empty());
  CHECK(socket.code() == 1006);
}

TEST_CASE_METHOD(StreamFixture, "a fault repeats an event") {
  add(3);
  fault("on=event&kind=repeat&times=2&after=1");
  WebSocketClient socket;
  subscribed(socket);
  const Texts held = sim.streaming().held("C");
  const Texts expected = {held[0], held[1], held[1], held[1], held[2]};
  CHECK(take(socket, 5) == expected);
  CHECK(sim.streaming().sent("C") == expected);
}

TEST_CASE_METHOD(StreamFixture, "a fault delays an event, and none overtakes it") {
  add(3);
  fault("on=event&kind=delay&ms=300&after=1");
  WebSocketClient socket;
  subscribed(socket);
  next_event(socket);
  CHECK_FALSE(socket.receive(100ms));
  socket.send(R"({"type":"ping"})");
  CHECK(socket.receive() == R"({"type":"pong"})");
  const Texts held = sim.streaming().held("C");
  CHECK(take(socket, 2) == Texts{held[1], held[2]});
}

TEST_CASE_METHOD(StreamFixture, "a fault makes the bytes drip") {
  add(2);
  fault("on=event&kind=drip&bytes=40&ms=10");
  WebSocketClient socket;
  subscribed(socket);
  const auto start = std::chrono::steady_clock::now();
  CHECK(take(socket, 2) == sim.streaming().held("C"));
  CHECK(std::chrono::steady_clock::now() - start > 100ms);
}

TEST_CASE_METHOD(StreamFixture, "a fault makes the server stand still") {
  fault("on=ping&kind=stall&ms=400");
  WebSocketClient socket;
  connect(socket);
  socket.send(R"({"type":"ping"})");
  socket.send(R"({"type":"ping"})");
  CHECK_FALSE(socket.receive(100ms));
  CHECK(socket.receive() == R"({"type":"pong"})");
}

TEST_CASE_METHOD(StreamFixture, "a fault sends what a person wrote instead of an answer") {
  const std::string error = R"({"id":"$id","type":"error","payload":[{"message":"no"}]})";
  WebSocketClient socket;
  SECTION("of subscribe") {
    fault("on=subscribe&kind=message", error);
    subscribed(socket);
    CHECK(socket.receive() == R"({"id":"s1","type":"error","payload":[{"message":"no"}]})");
  }
  SECTION("of an event, which comes all the same") {
    add(1);
    fault("on=event&kind=message", "no JSON");
    subscribed(socket);
    CHECK(socket.receive() == "no JSON");
    CHECK(next_event(socket) == sim.streaming().held("C")[0]);
  }
}

TEST_CASE_METHOD(StreamFixture,
                 "a fault answers connection_init, subscribe and complete with a code") {
  WebSocketClient socket;
  const std::string on = GENERATE("init", "subscribe", "complete");
  fault("on=" + on + "&kind=code&code=4500");
  REQUIRE(socket.open(path()) == 101);
  socket.send(init(token(), sim.options().app_key));
  if (on != "init") {
    CHECK(socket.receive() == R"({"type":"connection_ack"})");
    socket.send(subscribe());
    socket.send(kComplete);
  }
  CHECK(socket.wait_for_end() == 4500);
}

TEST_CASE_METHOD(StreamFixture, "open sockets can be closed or broken on demand") {
  const int code = GENERATE(1001, 1006);
  WebSocketClient socket;
  subscribed(socket);
  add(1);
  next_event(socket);
  CHECK(
      client.send("POST", sim.url() + "/sim/disconnect?reason=bye&code=" + std::to_string(code), {})
          .status == 200);
  CHECK(socket.wait_for_end() == code);
}

TEST_CASE_METHOD(StreamFixture, "a web socket's faults are checked") {
  for (const char* const wrong :
       {"on=event", "on=event&kind=status", "on=event&kind=code&code=x", "on=socket&kind=cut",
        "kind=drip", "on=event&kind=repeat&time=2"}) {
    INFO(wrong);
    CHECK(client.send("POST", sim.url() + "/sim/fault?" + wrong, {}).status == 400);
  }
}

TEST_CASE_METHOD(StreamFixture, "a person can put events into a stream, and see what was sent") {
  const std::string url = sim.url() + "/sim/";
  client.send("POST", url + "stream?chain=C&count=2&hotel=XYZ&size=2048", {});
  client.send("POST", url + "stream?chain=C", {}, R"({"odd":[1]})");
  client.send("POST", url + "stream?chain=C", {}, R"({"metadata":{"offset":"1000"}})");
  CHECK(client.send("POST", url + "stream", {}).status == 400);
  WebSocketClient socket;
  subscribed(socket);
  const Texts events = take(socket, 4);
  CHECK(events[0].size() == 2048);
  CHECK(member(events[1], "hotelId") == "XYZ");
  CHECK(events[2] == R"({"metadata":{"offset":"195","uniqueEventId":")" +
                         std::string(parse(events[2])["metadata"]["uniqueEventId"].GetString()) +
                         R"("},"odd":[1]})");
  CHECK(events[3] == R"({"metadata":{"offset":"1000"}})");
  std::string lines;
  for (const std::string& event : events) {
    lines += event + "\n";
  }
  CHECK(client.send("GET", url + "held?chain=C", {}).body == lines);
  CHECK(client.send("GET", url + "streamed?chain=C", {}).body == lines);
  CHECK(client.send("GET", url + "held?chain=C&ids=1", {}).body.starts_with("193 "));
  const auto stats = parse(client.send("GET", url + "stats", {}).body);
  CHECK(stats["streaming"]["upgrades"].GetInt() == 1);
  CHECK(stats["streaming"]["chains"]["C"]["events"].GetInt() == 4);
  CHECK(stats["streaming"]["chains"]["C"]["sent"].GetInt() == 4);
  CHECK(stats["streaming"]["chains"]["C"]["active"].GetBool());
}

TEST_CASE(
    "what a hotel's queue holds is in its chain's stream, too, and polling takes nothing off it") {
  Options options = quick();
  options.stream_chain = "C";
  StreamFixture f(options);
  f.sim.enqueue("ABC", 50);
  for (int i = 0; i < 3; ++i) {
    f.poll();
  }
  WebSocketClient socket;
  f.subscribed(socket);
  const Texts polled = f.sim.handed_out("ABC");
  REQUIRE(polled.size() == 50);
  for (const std::string& business_event : polled) {
    const auto poll = parse(business_event);
    const auto& header = poll["businessEvent"]["header"];
    const std::string event = next_event(socket);
    const auto text = [](const rapidjson::Value& value) {
      return value.IsString() ? std::string(value.GetString()) : std::to_string(value.GetInt64());
    };
    CHECK(member(event, "primaryKey") == text(header["primaryKey"]));
    CHECK(member(event, "actionInstanceId") == text(header["actionId"]));
    CHECK(member(event, "eventName") == text(header["actionType"]));
    CHECK(member(event, "hotelId") == "ABC");
    CHECK(member(event, "timestamp").size() == 28);
  }
}

TEST_CASE("a stream is served over TLS as without, beside polls") {
  const ohip::test::TemporaryDirectory dir;
  Options options = quick();
  options.tls = true;
  StreamFixture f(options);
  f.client.ca_file = dir / "ca.pem";
  std::ofstream(f.client.ca_file) << f.sim.ca_pem();
  f.add(5000);
  f.sim.enqueue("ABC", 1);
  WebSocketClient socket;
  socket.ca_file = f.client.ca_file;
  f.subscribed(socket);
  CHECK(take(socket, 2500).size() == 2500);
  CHECK(f.poll().status == 200);
  CHECK(take(socket, 2500).back() == f.sim.streaming().held("C").back());
  CHECK(code_after(socket, kComplete) == 1000);
}

TEST_CASE("a kept connection that was polled with can become a web socket") {
  StreamFixture f;
  ohip::test::Headers headers = {{"Connection", "Upgrade"},
                                 {"Upgrade", "websocket"},
                                 {"Sec-WebSocket-Version", "13"},
                                 {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}};
  f.poll();
  f.client.timeout_ms = 2000;
  const ohip::test::Answer answer = f.client.send("GET", f.path(), headers);
  CHECK(answer.status == 101);
  CHECK(answer.new_connections == 0);
}

TEST_CASE("a simulator ends while web sockets are open") {
  WebSocketClient socket;
  {
    StreamFixture f;
    f.subscribed(socket);
  }
  CHECK(socket.wait_for_end() != 0);
}

// Not part of the suite: a machine's speed is no test's business. In a build with optimisation:
//   build/simulator_subscriptions_test '[rate]'
TEST_CASE("the simulator sends 100,000 events of 2 KB in a second", "[.][rate]") {
  Options options = quick();
  options.tls = GENERATE(false, true);
  const ohip::test::TemporaryDirectory dir;
  StreamFixture f(options);
  WebSocketClient socket;
  socket.ca_file = f.client.ca_file = dir / "ca.pem";
  std::ofstream(socket.ca_file) << f.sim.ca_pem();
  constexpr std::size_t kEvents = 500'000;
  f.sim.streaming().add("C", [&](Stream& stream) {
    stream.add_made("ABC", kEvents, 2048, std::chrono::system_clock::now());
  });
  f.subscribed(socket);
  const auto start = std::chrono::steady_clock::now();
  CHECK(socket.skip_frames(kEvents));
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
  WARN((options.tls ? "TLS: " : "plain: ") << kEvents / time.count() << " events/s");
  CHECK(kEvents / time.count() >= 100'000);
}
