#include <algorithm>
#include <fstream>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/simulator_fixture.h"
#include "support/temporary_directory.h"

using ohip::sim::kChain;
using ohip::sim::Options;
using ohip::sim::parse_fault;
using ohip::sim::Simulator;
using ohip::test::Answer;
using ohip::test::CurlClient;
using ohip::test::error_code;
using ohip::test::Fixture;
using ohip::test::Headers;
using ohip::test::parse;

namespace {

std::string join(const std::vector<std::string>& events) {
  std::string joined;
  for (const std::string& event : events) {
    joined += (joined.empty() ? "" : ",") + event;
  }
  return joined;
}

}  // namespace

TEST_CASE("a poll that is wrong anywhere is refused and takes nothing") {
  struct Wrong {
    const char* header;
    const char* value;
    const char* path;
    long status;
  };
  const char* const right = "/OHIPDEMO/hotels/ABC/businessEvents";
  const Wrong wrong = GENERATE_COPY(values<Wrong>({
      {"Authorization", "", right, 401},
      {"Authorization", "Bearer made.it.up", right, 401},
      {"x-app-key", "", right, 401},
      {"x-app-key", "11111111-1111-4111-8111-111111111111", right, 401},
      {"x-hotelid", "", right, 400},
      {"x-request-id", "4711", right, 400},
      {"x-externalsystem", "12345678901234567890123456789012345678901", right, 400},
      {"Accept", "*/*", right, 406},
      {"Accept", "", right, 406},
      {"X", "", "/OHIPDEMO/hotels/ABC/businessEvents?limit=21", 400},
      {"X", "", "/OHIPDEMO/hotels/ABC/businessEvents?limit=0", 400},
      {"X", "", "/OHIPDEMO/hotels/ABC/businessEvents?limit=-1", 400},
      {"X", "", "/OHIPDEMO/hotels/ABC/businessEvents?limit=5x", 400},
      {"X", "", "/OTHER/hotels/ABC/businessEvents", 404},
      {"X", "", "/OHIPDEMO/hotels/ABC/events", 404},
  }));
  Fixture f;
  f.sim.enqueue("ABC", 1);
  Headers headers = f.poll_headers();
  headers[wrong.header] = wrong.value;
  CAPTURE(wrong.header, wrong.value, wrong.path);
  const Answer answer = f.get(std::string("/int/v1/externalSystem") + wrong.path, headers);
  CHECK(answer.status == wrong.status);
  CHECK(f.sim.stats().queues["ABC"].outstanding == 1);
  if (wrong.status == 400) {
    CHECK(error_code(answer).rfind("OPERAWS-", 0) == 0);
  }
}

TEST_CASE("other methods than GET and POST are refused, and take nothing") {
  Fixture f;
  f.sim.enqueue("ABC", 1);
  const std::string url = f.sim.url() + "/int/v1/externalSystem/OHIPDEMO/hotels/ABC/businessEvents";
  CHECK(f.client.send("POST", url, f.poll_headers(), "x").status == 405);
  CHECK(f.client.send("DELETE", url, f.poll_headers()).status == 405);
  CHECK(f.client.send("GET", f.sim.url() + "/oauth/v1/tokens", {}).status == 405);
  CHECK(f.polls() == 0);
}

TEST_CASE("a hotel that is not among the known ones is forbidden") {
  Options options;
  options.hotels = {"ABC"};
  Fixture f(options);
  CHECK(f.poll("ABC").status == 204);
  const Answer refused = f.poll("XYZ");
  CHECK(refused.status == 403);
  CHECK(error_code(refused) == "OPERAWS-GEN01244");
}

TEST_CASE("a poll removes what it returns: oldest first, at most limit, each event once") {
  Fixture f;
  f.sim.enqueue("ABC", 25);
  CHECK(parse(f.poll("ABC", "?limit=3").body)["businessEventData"].Size() == 3);
  CHECK(parse(f.poll().body)["businessEventData"].Size() == 20);
  CHECK(parse(f.poll().body)["businessEventData"].Size() == 2);
  const Answer empty = f.poll();
  CHECK(empty.status == 204);
  CHECK(empty.body.empty());
  const auto queue = f.sim.stats().queues["ABC"];
  CHECK(queue.polls == 4);
  CHECK(queue.handed_out == 25);
  CHECK(queue.outstanding == 0);
}

TEST_CASE("what was handed out is known byte for byte") {
  Fixture f;
  f.sim.enqueue("ABC", 20);
  const std::string body = f.poll().body;
  CHECK(body == R"({"businessEventData":[)" + join(f.sim.handed_out("ABC")) +
                    R"(],"DataValueMapping":[]})");
}

TEST_CASE("every hotel has its own queue, and so has the chain") {
  Fixture f;
  f.sim.enqueue("ABC", 1);
  f.sim.enqueue("D/E", 2);
  f.sim.enqueue(kChain, 3, "GHI");
  CHECK(parse(f.poll("D%2FE").body)["businessEventData"].Size() == 2);
  const rapidjson::Document chain = parse(f.poll_chain().body);
  CHECK(chain["businessEventData"].Size() == 3);
  CHECK(f.sim.handed_out(kChain)[0].find(R"("hotelId":"GHI")") != std::string::npos);
  CHECK(parse(f.poll("ABC").body)["businessEventData"].Size() == 1);
}

TEST_CASE("externalData asks for the value mappings, in either spelling") {
  Options options;
  options.camel_case_mapping = GENERATE(true, false);
  Fixture f(options);
  f.sim.enqueue("ABC", 1);
  Headers headers = f.poll_headers();
  headers["externalData"] = "true";
  const std::string path = "/int/v1/externalSystem/OHIPDEMO/hotels/ABC/businessEvents";
  const rapidjson::Document json = parse(f.get(path, headers).body);
  CHECK(json[options.camel_case_mapping ? "dataValueMapping" : "DataValueMapping"].Size() == 2);
}

TEST_CASE("an event or a whole answer can be queued byte for byte") {
  Fixture f;
  f.sim.enqueue_event("ABC", R"({ "businessEventId" : {"id":7} })");
  f.sim.enqueue_answer("ABC", "<html>");
  f.sim.enqueue("ABC", 1);
  CHECK(f.poll().body ==
        R"({"businessEventData":[{ "businessEventId" : {"id":7} }],"DataValueMapping":[]})");
  CHECK(f.poll().body == "<html>");
  CHECK(parse(f.poll().body)["businessEventData"].Size() == 1);
  CHECK(f.sim.handed_out("ABC")[1] == "<html>");
}

TEST_CASE("a poll above the minute's limit is answered 429, says when to come, and takes nothing") {
  Options options;
  options.polls_per_minute = 2;
  Fixture f(options);
  f.sim.enqueue("ABC", 5);
  CHECK(f.poll("ABC", "?limit=1").status == 200);
  CHECK(f.poll("DEF").status == 204);
  const Answer refused = f.poll("ABC");
  CHECK(refused.status == 429);
  CHECK(refused.headers.at("retry-after") == "60");
  CHECK(f.sim.handed_out("ABC").size() == 1);
  CHECK(f.post_token().status == 200);
  CHECK(f.sim.stats().throttled == 1);
}

TEST_CASE("the second's limit counts token calls and polls alike") {
  Options options;
  options.requests_per_second = 1;
  Fixture f(options);
  const Headers headers = f.poll_headers();  // by a token call
  const Answer refused = f.poll();
  CHECK(refused.status == 429);
  CHECK(refused.headers.at("retry-after") == "1");
  std::this_thread::sleep_for(std::chrono::seconds(1));
  CHECK(f.poll().status == 204);
  CHECK(f.post_token().status == 429);
  CHECK(f.sim.stats().throttled == 2);
}

TEST_CASE("a limit holds in any stretch of its time, not just in some") {
  using std::chrono::milliseconds;
  ohip::sim::RateLimit limit(2, std::chrono::seconds(1));
  const std::chrono::steady_clock::time_point begin;
  limit.count(begin);
  limit.count(begin + milliseconds(900));
  CHECK(limit.excess(begin + milliseconds(999)) == milliseconds(1));
  CHECK_FALSE(limit.excess(begin + milliseconds(1000)).has_value());
  limit.count(begin + milliseconds(1000));
  CHECK(limit.excess(begin + milliseconds(1100)) == milliseconds(800));
  CHECK_FALSE(limit.excess(begin + milliseconds(1900)).has_value());
}

TEST_CASE("hundreds of polls share a connection") {
  Fixture f;
  f.poll();
  long connections = 0;
  for (int i = 0; i < 300; ++i) {
    connections += f.poll().new_connections;
  }
  CHECK(connections == 0);
  CHECK(f.polls() == 301);
}

TEST_CASE("clients at the same time get every event, each once") {
  Fixture f;
  f.sim.enqueue("ABC", 400);
  const Headers headers = f.poll_headers();
  std::vector<std::thread> threads;
  threads.reserve(8);
  std::vector<std::size_t> taken(8);
  for (std::size_t& count : taken) {
    threads.emplace_back([&] {
      CurlClient client;
      const std::string url =
          f.sim.url() + "/int/v1/externalSystem/OHIPDEMO/hotels/ABC/businessEvents?limit=5";
      for (Answer a = client.send("GET", url, headers); a.status == 200;
           a = client.send("GET", url, headers)) {
        rapidjson::Document json;
        json.Parse(a.body.c_str());
        count += json["businessEventData"].Size();
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  std::size_t sum = 0;
  for (const std::size_t count : taken) {
    sum += count;
  }
  CHECK(sum == 400);
  CHECK(f.sim.handed_out("ABC").size() == 400);
}

TEST_CASE("everything can be asked for over HTTP while the simulator runs") {
  Fixture f;
  const auto admin = [&](const std::string& method, const std::string& path,
                         const std::string& body = {}) {
    return f.client.send(method, f.sim.url() + "/sim/" + path, {}, body);
  };
  CHECK(admin("POST", "events?hotel=ABC&count=3").status == 200);
  CHECK(admin("POST", "events?hotel=ABC", R"({"a": 1})").status == 200);
  CHECK(admin("POST", "events?queue=chain&hotel=ABC&count=2").status == 200);
  const std::string big(100'000, 'x');
  CHECK(admin("POST", "answer?hotel=BIG", big).status == 200);
  CHECK(f.poll("BIG").body == big);
  CHECK(admin("POST", "fault?kind=close&count=9").status == 200);
  CHECK(admin("DELETE", "fault").status == 200);
  CHECK(admin("POST", "fault?kind=status&status=418", "tea").status == 200);
  CHECK(f.poll().body == "tea");
  CHECK(f.poll().status == 200);
  CHECK(admin("POST", "revoke-tokens").status == 200);
  CHECK(f.poll().status == 401);
  const std::string lines = admin("GET", "handed-out?hotel=ABC").body;
  CHECK(std::count(lines.begin(), lines.end(), '\n') == 4);
  CHECK(lines.substr(lines.size() - 10) == "\n{\"a\": 1}\n");
  const rapidjson::Document stats = parse(admin("GET", "stats").body);
  CHECK(stats["tokens"].GetInt() == 1);
  CHECK(stats["polls"].GetInt() == 4);
  CHECK(stats["queues"]["ABC"]["handedOut"].GetInt() == 4);
  CHECK(stats["queues"]["@chain"]["outstanding"].GetInt() == 2);
}

TEST_CASE("a request under /sim that makes no sense is refused") {
  Fixture f;
  const auto post = [&](const std::string& path) {
    return f.client.send("POST", f.sim.url() + "/sim/" + path, {}).status;
  };
  CHECK(post("events?count=1") == 400);
  CHECK(post("events?hotel=ABC&count=many") == 400);
  CHECK(post("fault?kind=burn") == 400);
  CHECK(post("coffee") == 404);
}

TEST_CASE(
    "over TLS its certificate is trusted by those who trust its authority, and by no others") {
  Options options;
  options.tls = true;
  Fixture f(options);
  const ohip::test::TemporaryDirectory directory;
  const std::filesystem::path file = directory / "ca.pem";
  std::ofstream(file) << f.sim.ca_pem();
  CHECK(f.post_token().result == CURLE_PEER_FAILED_VERIFICATION);
  f.client.ca_file = file;
  f.sim.enqueue("ABC", 25);
  CHECK(parse(f.poll().body)["businessEventData"].Size() == 20);
  f.sim.inject(parse_fault("kind=cut&bytes=100"));
  const Answer cut = f.poll();
  CHECK(cut.result != CURLE_OK);
  CHECK(cut.body.size() == 100);
  f.sim.inject(parse_fault("kind=close"));
  CHECK(f.poll().result != CURLE_OK);
  CHECK(f.polls() == 3);
}

TEST_CASE("a port in use is an error, not a second simulator on it") {
  Simulator first;
  Options options;
  options.port = std::stoi(first.url().substr(first.url().rfind(':') + 1));
  CHECK_THROWS_AS(Simulator(options), std::runtime_error);
}
TEST_CASE("events take all the liberties OPERA takes, and their ids are unique") {
  ohip::sim::EventGenerator generator(1);
  std::set<std::string> ids, seen;
  std::multiset<std::string> keys;
  std::string all;
  for (int i = 0; i < 300; ++i) {
    const std::string event = generator.next("ABC");
    all += event;
    const rapidjson::Document json = parse(event);
    const auto& header = json["businessEvent"]["header"];
    const auto& id = json["businessEventId"]["id"];
    ids.insert(id.IsString() ? id.GetString() : std::to_string(id.GetUint64()));
    seen.insert(id.IsString() ? "id string" : "id number");
    seen.insert(header["moduleName"].IsString() ? "module string" : "module number");
    seen.insert(header["actionId"].IsString() ? "action string" : "action number");
    seen.insert(header.HasMember("parentActionId") ? "parent" : "no parent");
    seen.insert(json["businessEvent"].HasMember("details") ? "details" : "no details");
    if (header["primaryKey"].IsString()) {
      keys.insert(header["primaryKey"].GetString());
    }
  }
  CHECK(ids.size() == 300);
  CHECK(seen.size() == 10);
  CHECK(keys.size() > std::set<std::string>(keys.begin(), keys.end()).size());
  CHECK(all.find("Ångström") != std::string::npos);
  CHECK(all.find("\\u00C5ngstr\\u00F6m") != std::string::npos);
  CHECK(all.find("Zo\\\"") != std::string::npos);
  CHECK(all.find('\n') == std::string::npos);
}

TEST_CASE("the same seed gives the same events") {
  ohip::sim::EventGenerator a(7), b(7), c(8);
  std::string events_of_a, events_of_b, events_of_c;
  for (int i = 0; i < 50; ++i) {
    events_of_a += a.next("ABC");
    events_of_b += b.next("ABC");
    events_of_c += c.next("ABC");
  }
  CHECK(events_of_a == events_of_b);
  CHECK(events_of_a != events_of_c);
}
