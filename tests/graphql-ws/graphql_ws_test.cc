// The simulator beside a server that nobody here wrote.

#include <chrono>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "graphql-ws/server.h"
#include "support/catch.h"
#include "support/simulator_fixture.h"
#include "support/temporary_directory.h"
#include "support/websocket_client.h"

namespace ohip::test {
namespace {

using namespace std::chrono_literals;

using Texts = std::vector<std::string>;

const char* const kFirst =
    R"({"metadata":{"offset":"193","uniqueEventId":"a"},"moduleName":"RESERVATION",)"
    R"("eventName":"UPDATE RESERVATION","primaryKey":"1","timestamp":"28-APR-24 06.18.59.0 AM",)"
    R"("hotelId":"ABC","publisherId":null,"actionInstanceId":"7","detail":[{"oldValue":"",)"
    R"("newValue":"Muñoz \"Z\" \\ \n","elementName":"NAME","scopeFrom":null,"scopeTo":null,)"
    R"("elementSequence":null,"elementType":null,"elementRole":null}]})";
const char* const kSecond =
    R"({"metadata":{"offset":"200","uniqueEventId":"b"},"moduleName":"PROFILE",)"
    R"("eventName":"UPDATE PROFILE","primaryKey":"2","timestamp":"28-APR-24 06.18.59.0 PM",)"
    R"("hotelId":null,"publisherId":null,"actionInstanceId":null,"detail":[]})";

const char* const kAll =
    "metadata { offset uniqueEventId } moduleName eventName primaryKey timestamp hotelId "
    "publisherId actionInstanceId detail { oldValue newValue elementName scopeFrom scopeTo "
    "elementSequence elementType elementRole }";

// Either server with the two events.
struct Peer {
  std::string url;
  std::string ca_file;
  std::string token;
};

struct Servers {
  Servers() {
    std::ofstream(directory / "ca.pem") << simulator.sim.ca_pem();
    simulator.client.ca_file = directory / "ca.pem";
    simulator.sim.streaming().add("C", [](sim::Stream& stream) {
      for (const char* const event : {kFirst, kSecond}) {
        stream.add(event, false, std::chrono::system_clock::now());
      }
    });
    reference.add(std::string("[") + kFirst + "," + kSecond + "]");
  }

  static sim::Options options() {
    sim::Options options;
    options.tls = true;
    return options;
  }

  Peer ours() { return {simulator.sim.url(), directory / "ca.pem", simulator.token()}; }
  Peer theirs() const { return {reference.url(), reference.ca_file(), reference.token()}; }

  TemporaryDirectory directory;
  Fixture simulator{options()};
  GraphqlWsServer reference;
};

std::string path() {
  return "/subscriptions?key=" + hex_sha256(GraphqlWsServer::app_key());
}

std::string init(const std::string& token) {
  return R"({"type":"connection_init","payload":{"Authorization":"Bearer )" + token +
         R"(","x-app-key":")" + GraphqlWsServer::app_key() + R"("}})";
}

std::string subscribe(const std::string& more, const std::string& fields) {
  return R"({"id":"s1","type":"subscribe","payload":{"query":"subscription { newEvent(input: )"
         R"({ chainCode: \"C\")" +
         more + " }) { " + fields + R"( } }"}})";
}

// What a server answers until it closes, or says nothing for a while; its own pings, which come
// when they like, left out. The last line is the close code, 0: none.
Texts talk(const Peer& peer, const Texts& messages, const std::string& protocol) {
  WebSocketClient socket;
  socket.ca_file = peer.ca_file;
  socket.headers = {"Sec-WebSocket-Protocol: " + protocol};
  REQUIRE(socket.open(peer.url + path()) == 101);
  Texts answers;
  for (const std::string& message : messages) {
    socket.send(message == "init" ? init(peer.token) : message);
    while (const auto answer = socket.receive(700ms)) {
      if (*answer != R"({"type":"ping"})") {
        answers.push_back(*answer);
      }
    }
  }
  answers.push_back(std::to_string(socket.code()));
  return answers;
}

}  // namespace

TEST_CASE("the simulator says what graphql-ws says") {
  const auto [messages, answers] = GENERATE_COPY(table<Texts, std::size_t>(
      {{{"init"}, 1},
       {{"init", R"({"type":"ping"})"}, 2},
       {{"init", R"({"type":"pong"})"}, 1},
       {{"init", "init"}, 1},
       {{"init", "no JSON"}, 1},
       {{"init", R"({"type":"unheard-of"})"}, 1},
       {{R"({"type":"connection_init"})"}, 0},
       {{subscribe("", kAll)}, 0},
       {{"init", subscribe("", kAll)}, 3},
       {{"init", subscribe("", "hotelId metadata { offset } detail { newValue } moduleName")}, 3},
       {{"init", subscribe(R"(, offset: \"193\")", kAll)}, 3},
       {{"init", subscribe(R"(, offset: \"194\")", kAll)}, 2},
       {{"init", subscribe(R"(, offset: \"200\")", kAll)}, 2},
       {{"init", subscribe(R"(, offset: \"99999999999999999999\")", kAll)}, 1},
       {{"init", subscribe(R"(, offsetType: \"highest\")", kAll)}, 2},
       {{"init", subscribe("", kAll), R"({"id":"s1","type":"complete"})"}, 3},
       {{"init", subscribe("", kAll), R"({"id":"s2","type":"complete"})"}, 3},
       {{"init", subscribe("", kAll), subscribe("", kAll)}, 3}}));
  Servers servers;
  const Texts theirs = talk(servers.theirs(), messages, "graphql-transport-ws");
  INFO(messages.back());
  CHECK(theirs.size() == answers + 1);
  CHECK(talk(servers.ours(), messages, "graphql-transport-ws") == theirs);
}

TEST_CASE("the simulator turns a client of another sub-protocol away as graphql-ws does") {
  Servers servers;
  const Texts theirs = talk(servers.theirs(), {"init"}, "graphql-ws");
  CHECK(theirs == Texts{"4406"});
  CHECK(talk(servers.ours(), {"init"}, "graphql-ws") == theirs);
}

// Oracle says 4400; the protocol says an error message for the subscription's id.
TEST_CASE("where the simulator closes with 4400, graphql-ws sends an error") {
  const std::string wrong =
      GENERATE(subscribe("", "xyz"), subscribe(R"(, offset: \"1a\")", kAll),
               subscribe(R"(, hotel: \"A\")", kAll), subscribe(R"(, delta: 1)", kAll));
  Servers servers;
  const Texts theirs = talk(servers.theirs(), {"init", wrong}, "graphql-transport-ws");
  INFO(wrong);
  REQUIRE(theirs.size() == 3);
  CHECK(theirs[1].starts_with(R"({"id":"s1","type":"error","payload":[{"message":")"));
  CHECK(talk(servers.ours(), {"init", wrong}, "graphql-transport-ws").back() == "4400");
}

TEST_CASE("graphql-ws closes when a test wants it to, and tells what it was asked and sent") {
  const int code = GENERATE(4504, 1001, 1006);
  const Servers servers;
  servers.reference.close_after(1, code);
  const Texts answers = talk(servers.theirs(), {"init", subscribe(R"(, offset: \"1\")", kAll)},
                             "graphql-transport-ws");
  CHECK(answers.size() == 3);
  CHECK(answers.back() == std::to_string(code));
  CHECK(servers.reference.log() ==
        R"({"subscriptions":[{"chainCode":"C","offset":"1"}],"sent":["193"],)"
        R"("received":{"connection_init":1,"subscribe":1}})");
}

TEST_CASE("graphql-ws refuses a wrong key with 400, and a second consumer with 4409") {
  const Servers servers;
  const Peer peer = servers.theirs();
  WebSocketClient wrong;
  wrong.ca_file = peer.ca_file;
  CHECK(wrong.open(peer.url + "/subscriptions?key=x") == 400);
  WebSocketClient first;
  first.ca_file = peer.ca_file;
  REQUIRE(first.open(peer.url + path()) == 101);
  first.send(init(peer.token));
  first.send(subscribe("", kAll));
  first.receive();
  first.receive();
  CHECK(talk(peer, {"init", subscribe("", kAll)}, "graphql-transport-ws").back() == "4409");
}

}  // namespace ohip::test
