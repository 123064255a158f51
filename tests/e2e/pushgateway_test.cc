// What ohip-poll pushes, with the real Prometheus Pushgateway and with others in its place.

#include "e2e/pushgateway.h"

#include <fmt/format.h>

#include <string>

#include "e2e/world.h"
#include "support/catch.h"
#include "support/scripted_server.h"

using namespace ohip::test;

namespace {

struct PushWorld : World {
  std::string instance(const std::string& served) const {
    return fmt::format("{}/{}/{}", ohip.url(), environment.at("OHIP_EXTERNAL_SYSTEM"), served);
  }
  // Labels as the Pushgateway sorts them.
  std::string series(const std::string& name, const std::string& served,
                     const std::string& more = {}) const {
    return fmt::format(R"({}{{file="{}"{},instance="{}",job="ohip-poll"}})", name, served, more,
                       instance(served));
  }

  // A run that delivers three events, whatever becomes of what it tells.
  Result run_pushing_to(const std::string& url) {
    ohip.enqueue("ABC", 3);
    environment["OHIP_PUSHGATEWAY_URL"] = url;
    const std::size_t before = values().size();
    Result result = poll({"--hotel", "ABC"});
    CHECK(values().size() == before + 3);
    return result;
  }

  // One warning, the run's own status, and no long wait.
  void check_only_warned(const std::string& url, const std::string& why) {
    const auto begin = std::chrono::steady_clock::now();
    const Result result = run_pushing_to(url);
    CHECK(result.status == 0);
    CAPTURE(result.err);
    CHECK(result.err.starts_with("ohip-poll: warning: the metrics are not pushed: "));
    CHECK(result.err.find(why) != std::string::npos);
    CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 1);
    CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(40));
  }
};

}  // namespace

TEST_CASE_METHOD(PushWorld, "a run's figures are in the Pushgateway, and counters go on") {
  const RealPushgateway gateway;
  CHECK(run_pushing_to(gateway.url()).err.empty());
  const std::string delivered =
      series("ohip_poll_events_delivered_total", "ABC", R"(,hotel="ABC")");
  CHECK(gateway.figure(delivered) == "3");
  CHECK(run_pushing_to(gateway.url() + "/").err.empty());
  CHECK(gateway.figure(series("ohip_poll_last_run_exit_status", "ABC")) == "0");
  CHECK(gateway.metrics().find("push_time_seconds{instance=\"" + instance("ABC")) !=
        std::string::npos);
}

TEST_CASE_METHOD(PushWorld,
                 "a run pushes over what its job's last one pushed, and nothing else's") {
  const RealPushgateway gateway;
  run_pushing_to(gateway.url());
  const std::string delivered =
      series("ohip_poll_events_delivered_total", "ABC", R"(,hotel="ABC")");
  environment["KAFKA_BOOTSTRAP_SERVERS"] = "127.0.0.1:1";
  CHECK(poll({"--hotel", "ABC"}).status == 69);
  CHECK(gateway.figure(series("ohip_poll_last_run_exit_status", "ABC")) == "69");
  CHECK(gateway.figure(delivered) == "3");
  CHECK(poll({"--hotel", "DEF"}).status == 69);
  CHECK(poll({"--hotel", "GHI", "--hotel", "JKL", "--shard", "1/2"}).status != 70);
  CHECK(gateway.figure(delivered) == "3");
  CHECK(gateway.figure(series("ohip_poll_last_run_exit_status", "DEF")) == "69");
  CHECK(gateway.figure(series("ohip_poll_last_run_exit_status", "@hotels 1/2")) != "none");
}

TEST_CASE_METHOD(PushWorld, "a replay, which no schedule begins, is not pushed") {
  const RealPushgateway gateway;
  environment["OHIP_PUSHGATEWAY_URL"] = gateway.url();
  CHECK(poll({"--replay"}).status == 0);
  CHECK(gateway.metrics().find("ohip_poll_") == std::string::npos);
}

TEST_CASE_METHOD(PushWorld, "a grouping that the URL names is taken as it is") {
  const RealPushgateway gateway;
  CHECK(run_pushing_to(gateway.url() + "/metrics/job/night/instance/b").err.empty());
  CHECK(gateway.figure(R"(ohip_poll_last_run_exit_status{file="ABC",instance="b",job="night"})") ==
        "0");
}

TEST_CASE_METHOD(PushWorld, "what the real Pushgateway refuses is told in its words") {
  const RealPushgateway gateway;
  check_only_warned(gateway.url() + "/metrics/job", "404");
  check_only_warned(gateway.url() + "/metrics/job/a/instance", "400");
}

TEST_CASE_METHOD(PushWorld, "no trouble with the Pushgateway is the run's") {
  using enum Step::Then;
  SECTION("none is there") {
    check_only_warned("http://127.0.0.1:1", "127.0.0.1");
  }
  SECTION("its name is unknown") {
    check_only_warned("https://pushgateway.invalid", "resolve");
  }
  SECTION("500") {
    const ScriptedServer server({answer("500 Oops", "disk\x1b[31m full")});
    check_only_warned(server.url(), "500 Oops: disk\\x1b[31m full");
  }
  SECTION("400") {
    const ScriptedServer server({answer("400 Bad Request", "pushed metrics are invalid")});
    check_only_warned(server.url(), "pushed metrics are invalid");
  }
  SECTION("a redirection, which is not followed") {
    const ScriptedServer other({});
    const ScriptedServer server(
        {answer("302 Found", {}, "Location: " + other.url() + "/login?key=k\r\n")});
    check_only_warned(server.url(), "302 Found: to /login");
    CHECK(other.connections() == 0);
  }
  SECTION("it says nothing") {
    const ScriptedServer server({raw({}, kHang)});
    check_only_warned(server.url(), "no response within 3 s");
  }
  SECTION("it closes") {
    const ScriptedServer server({raw({}, kClose)});
    check_only_warned(server.url(), "");
  }
  SECTION("its head has no end") {
    Step step = raw("HTTP/1.1 500 No\r\nX: ", kFlood);
    step.later = std::string(1'000, 'x');
    const ScriptedServer server({step});
    check_only_warned(server.url(), "");
  }
  SECTION("it drips a head") {
    const ScriptedServer server({raw("HTTP/1.1 500 O", kHang)});
    check_only_warned(server.url(), "no response within 3 s");
  }
  SECTION("it drips a body, having taken the figures") {
    const ScriptedServer server({raw(head("200 OK", "Content-Length: 100\r\n"), kHang)});
    const Result result = run_pushing_to(server.url());
    CHECK(result.status == 0);
    CHECK(result.err.empty());
  }
}

TEST_CASE_METHOD(PushWorld,
                 "the run's own failure stays its status, and its password is not told") {
  const ScriptedServer server(
      {answer("401 Unauthorized", "not user:pa ss@word or dXNlcjpwYSBzc0B3b3Jk")});
  environment["OHIP_PUSHGATEWAY_URL"] = "http://user:pa%20ss%40word@" + server.url().substr(7);
  environment["KAFKA_BOOTSTRAP_SERVERS"] = "127.0.0.1:1";
  const Result result = poll({"--hotel", "ABC", "-v", "-v"});
  CHECK(result.status == 69);
  CHECK(result.err.find("401") != std::string::npos);
  CHECK(result.err.find("ss@word") == std::string::npos);
  CHECK(result.err.find("ss%40word") == std::string::npos);
  CHECK(result.err.find("NzQHdvcmQ") == std::string::npos);
  REQUIRE(server.requests().size() == 1);
  const std::string request = server.requests().front();
  CHECK(request.starts_with("PUT /metrics/job@base64/b2hpcC1wb2xs/instance@base64/"));
  CHECK(request.find("Authorization: Basic dXNlcjpwYSBzc0B3b3Jk\r\n") != std::string::npos);
  CHECK(request.find("Content-Type: text/plain; version=0.0.4\r\n") != std::string::npos);
  CHECK(request.find("Expect") == std::string::npos);
}

TEST_CASE_METHOD(PushWorld, "a password for the Pushgateway is not taken from the command line") {
  for (const std::string url :
       {"https://user:geheim@pushgateway.invalid", "https://geheim@x.invalid",
        "https://user:gehe/im@x.invalid", "http://user:geheim@example.org"}) {
    const Result result = poll({"--hotel", "ABC", "--pushgateway-url", url});
    CHECK((result.status == 64 || result.status == 78));
    CHECK(result.err.find("gehe") == std::string::npos);
    CHECK(result.err.find("--pushgateway-url") != std::string::npos);
  }
}
