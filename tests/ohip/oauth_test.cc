#include "ohip/oauth.h"

#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <future>
#include <latch>
#include <memory>
#include <thread>

#include "base/secrets.h"
#include "base/stop.h"
#include "support/catch.h"
#include "support/fake_clock.h"
#include "support/scripted_server.h"
#include "support/temporary_directory.h"

namespace fs = std::filesystem;
using namespace ohip;
using namespace ohip::test;
using namespace std::chrono_literals;

namespace {

Step token_answer(const std::string& token, const std::string& more = R"(,"expires_in":3600)") {
  return answer("200 OK", R"({"access_token":")" + token + "\"" + more + "}",
                "Content-Type: application/json\r\n");
}

Credentials client_credentials() {
  return {.client_id = "client",
          .client_secret = "s3cret",
          .app_key = "41ecd082-8997-4c69-af34-2f72b83645ff",
          .enterprise_id = "ENT123",
          .scope = "urn:opc:hgbu:ws:__myscopes__",
          .username = {},
          .password = {}};
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// The machine that runs start on, with its gateway; a Run is what one process knows.
struct Machine {
  explicit Machine(std::vector<Step> script) : server(std::move(script)) {}

  struct Run {
    Run(Machine& machine, Credentials c)
        : credentials(std::move(c)),
          gateway{.url = machine.server.url(), .host = "127.0.0.1"},
          deadline(machine.clock, 50s),
          oauth(gateway, credentials, machine.directory.path(), machine.clock, deadline) {}
    Credentials credentials;
    Gateway gateway;
    CurlHttpClient http;
    Deadline deadline;
    OAuth oauth;

    std::string token() { return oauth.token(http); }
  };

  std::unique_ptr<Run> run(Credentials credentials = client_credentials()) {
    return std::make_unique<Run>(*this, std::move(credentials));
  }

  std::size_t asked() const { return server.requests().size(); }

  fs::path cache() const {
    for (const auto& entry : fs::directory_iterator(directory.path())) {
      if (entry.path().extension() == ".json") {
        return entry.path();
      }
    }
    return {};
  }

  ScriptedServer server;
  TemporaryDirectory directory;
  FakeClock clock;
};

Error error_of(OAuth& oauth) {
  try {
    CurlHttpClient http;
    oauth.token(http);
  } catch (const Error& error) {
    return error;
  }
  return {ExitStatus::kOk, ""};
}

}  // namespace

TEST_CASE("client credentials are asked for as Oracle wants it") {
  Machine machine({token_answer("T1")});
  CHECK(machine.run()->token() == "T1");
  const std::string request = machine.server.requests().at(0);
  CHECK(request.rfind("POST /oauth/v1/tokens HTTP/1.1\r\n", 0) == 0);
  CHECK(contains(request, "\r\nAuthorization: Basic Y2xpZW50OnMzY3JldA==\r\n"));
  CHECK(contains(request, "\r\nx-app-key: 41ecd082-8997-4c69-af34-2f72b83645ff\r\n"));
  CHECK(contains(request, "\r\nenterpriseId: ENT123\r\n"));
  CHECK(contains(request, "\r\nContent-Type: application/x-www-form-urlencoded\r\n"));
  CHECK(contains(request,
                 "\r\n\r\ngrant_type=client_credentials&"
                 "scope=urn%3Aopc%3Ahgbu%3Aws%3A__myscopes__"));
}

TEST_CASE("a user name selects the password grant, whatever its characters are") {
  Machine machine({token_answer("T1")});
  Credentials credentials = client_credentials();
  credentials.username = "user@ENT&x=1";
  credentials.password = "p%+ä ";
  CHECK(machine.run(credentials)->token() == "T1");
  const std::string request = machine.server.requests().at(0);
  CHECK(contains(request,
                 "\r\n\r\ngrant_type=password&username=user%40ENT%26x%3D1&"
                 "password=p%25%2B%C3%A4%20"));
  CHECK_FALSE(contains(request, "enterpriseId"));
}

TEST_CASE("runs share a token through a file that is theirs alone") {
  Machine machine({token_answer("T1")});
  const auto first = machine.run();
  CHECK(first->token() == "T1");
  CHECK(first->token() == "T1");
  CHECK(machine.run()->token() == "T1");
  CHECK(machine.asked() == 1);
  struct stat file = {};
  REQUIRE(stat(machine.cache().c_str(), &file) == 0);
  CHECK((file.st_mode & 0777) == 0600);
  for (const char* secret : {"client", "s3cret", "41ecd082", "ENT123"}) {
    CHECK_FALSE(contains(machine.cache().filename(), secret));
  }
}

TEST_CASE("a token is never used for other credentials") {
  Machine machine({token_answer("T1"), token_answer("T2")});
  CHECK(machine.run()->token() == "T1");
  Credentials other = client_credentials();
  std::string Credentials::*member =
      GENERATE(&Credentials::client_id, &Credentials::client_secret, &Credentials::app_key,
               &Credentials::enterprise_id, &Credentials::scope, &Credentials::username,
               &Credentials::password);
  other.*member += "x";
  CHECK(machine.run(other)->token() == "T2");
}

TEST_CASE("credentials whose parts only join up to the same are others") {
  Machine machine({token_answer("T1"), token_answer("T2")});
  Credentials shifted = client_credentials();
  CHECK(machine.run(shifted)->token() == "T1");
  shifted.client_secret = "s3cret41";
  shifted.app_key = shifted.app_key.substr(2);
  CHECK(machine.run(shifted)->token() == "T2");
}

TEST_CASE("a token is never used for another gateway") {
  Machine machine({token_answer("T1"), token_answer("T2")});
  CHECK(machine.run()->token() == "T1");
  const auto other = machine.run();
  other->gateway.url += "/other";
  OAuth oauth(other->gateway, other->credentials, machine.directory.path(), machine.clock,
              other->deadline);
  CHECK(oauth.token(other->http) == "T2");
}

TEST_CASE("a token is renewed after 50 minutes, in the same run and in the next") {
  Machine machine({token_answer("T1"), token_answer("T2")});
  const auto run = machine.run();
  CHECK(run->token() == "T1");
  machine.clock.sleep(49min);
  CHECK(run->token() == "T1");
  CHECK(machine.run()->token() == "T1");
  machine.clock.sleep(1min);
  CHECK(machine.run()->token() == "T2");
  CHECK(run->token() == "T2");
  CHECK(machine.asked() == 2);
}

TEST_CASE("a cache file that is broken or not ours alone is ignored and replaced") {
  Machine machine({token_answer("T1"), token_answer("T2")});
  REQUIRE(machine.run()->token() == "T1");
  const fs::path cache = machine.cache();
  SECTION("cut off") {
    fs::resize_file(cache, fs::file_size(cache) - 1);
  }
  SECTION("empty") {
    fs::resize_file(cache, 0);
  }
  SECTION("readable by the group") {
    fs::permissions(cache, fs::perms{0640});
  }
  SECTION("writable by others") {
    fs::permissions(cache, fs::perms{0602});
  }
  SECTION("a symbolic link to the real one") {
    fs::rename(cache, machine.directory / "elsewhere");
    fs::create_symlink(machine.directory / "elsewhere", cache);
  }
  SECTION("a pipe that nobody writes to") {
    fs::remove(cache);
    REQUIRE(mkfifo(cache.c_str(), 0600) == 0);
  }
  SECTION("somebody else's") {
    if (geteuid() != 0) {
      WARN("not tried: giving a file away needs root");
      return;
    }
    REQUIRE(chown(cache.c_str(), 65534, 65534) == 0);
  }
  SECTION("from the future") {
    const TimePoint now = machine.clock.now();
    std::ofstream(cache) << write_token({"T0", now + 1h, now + 2h});
  }
  CHECK(machine.run()->token() == "T2");
  CHECK(machine.run()->token() == "T2");
  CHECK(machine.asked() == 2);
}

TEST_CASE("without a place for the cache each run asks for itself") {
  Machine machine({token_answer("T1"), token_answer("T2")});
  const auto run = machine.run();
  const fs::path where = GENERATE("missing", "file");
  std::ofstream(machine.directory / "file") << "x";
  OAuth oauth(run->gateway, run->credentials, machine.directory.path() / where, machine.clock,
              run->deadline);
  CHECK(oauth.token(run->http) == "T1");
  CHECK(oauth.token(run->http) == "T1");
  OAuth next(run->gateway, run->credentials, machine.directory.path() / where, machine.clock,
             run->deadline);
  CHECK(next.token(run->http) == "T2");
}

TEST_CASE("a forgotten token is asked for anew and is gone for other runs, too") {
  Machine machine({token_answer("T1"), token_answer("T2")});
  const auto run = machine.run();
  REQUIRE(run->token() == "T1");
  run->oauth.forget("T1");
  CHECK(machine.cache().empty());
  CHECK(run->token() == "T2");
  CHECK(machine.run()->token() == "T2");
}

TEST_CASE("forgetting a token leaves the newer one of another run alone") {
  Machine machine({token_answer("T1"), token_answer("T2")});
  const auto late = machine.run();
  REQUIRE(late->token() == "T1");
  const auto early = machine.run();
  REQUIRE(early->token() == "T1");
  early->oauth.forget("T1");
  REQUIRE(early->token() == "T2");
  late->oauth.forget("T1");
  CHECK(late->token() == "T2");
  CHECK(machine.asked() == 2);
}

TEST_CASE("refused credentials are tried once in a run, and the message has no secret") {
  const std::string status =
      GENERATE("400 Bad Request", "401 Unauthorized", "402 Payment Required", "403 Forbidden");
  Machine machine({answer(status, R"({"error":"invalid_client"})")});
  const auto run = machine.run();
  for (int i = 0; i < 3; ++i) {
    const Error error = error_of(run->oauth);
    CHECK(error.status() == ExitStatus::kRefused);
    CHECK(contains(error.what(), status + ": invalid_client"));
    CHECK(contains(error.hint(), "OHIP_CLIENT_SECRET"));
    CHECK_FALSE(contains(error.what() + error.hint(), "s3cret"));
  }
  CHECK(machine.asked() == 1);
}

TEST_CASE("something that is not OHIP is named as such, and asked once in a run") {
  const Step step = GENERATE(answer("200 OK", "<html>portal</html>", "Content-Type: text/html\r\n"),
                             answer("200 OK", R"({"access_token":"a\r\nb"})"),
                             answer("200 OK", "eyJ.secret.x"), answer("204 No Content"),
                             answer("302 Found", "", "Location: http://127.0.0.1:1/\r\n"),
                             answer("404 Not Found"), answer("405 Method Not Allowed"));
  CAPTURE(step.bytes);
  Machine machine({step, token_answer("T1")});
  const auto run = machine.run();
  for (int i = 0; i < 2; ++i) {
    const Error error = error_of(run->oauth);
    CHECK(error.status() == ExitStatus::kConfig);
    CHECK(contains(error.hint(), "OHIP_GATEWAY_URL"));
    CHECK_FALSE(contains(error.what(), "eyJ"));
  }
  CHECK(machine.asked() == 1);
}

TEST_CASE("a failure that passes is waited out") {
  const Step passing = GENERATE(
      answer("429 Too Many Requests"), answer("500 Internal Server Error"),
      answer("502 Bad Gateway"), answer("503 Service Unavailable"), answer("504 Gateway Timeout"),
      raw(""), raw(head("200 OK", "Content-Length: 99\r\n") + R"({"access_token":"T)"));
  CAPTURE(passing.bytes);
  Machine machine({passing, passing, token_answer("T1")});
  CHECK(machine.run()->token() == "T1");
  CHECK(machine.clock.steady() - SteadyPoint() == 1500ms);
}

TEST_CASE("a failure that stays is unavailability after four tries; the next call tries again") {
  const Step busy = answer("503 Service Unavailable");
  Machine machine({busy, busy, busy, busy, token_answer("T1")});
  const auto run = machine.run();
  const Error error = error_of(run->oauth);
  CHECK(error.status() == ExitStatus::kUnavailable);
  CHECK(contains(error.what(), "503"));
  CHECK(machine.asked() == 4);
  CHECK(run->token() == "T1");
}

TEST_CASE("a wait that the run has no time for is not begun") {
  Machine machine({answer("429 Too Many Requests", {}, "Retry-After: 60\r\n")});
  CHECK(error_of(machine.run()->oauth).status() == ExitStatus::kUnavailable);
  CHECK(machine.asked() == 1);
  CHECK(machine.clock.steady() == SteadyPoint());
}

TEST_CASE("a gateway that cannot be reached is unavailability") {
  Machine machine({});
  const auto run = machine.run();
  run->gateway.url = "http://127.0.0.1:1";
  CHECK(error_of(run->oauth).status() == ExitStatus::kUnavailable);
}

TEST_CASE("threads that need a token at the same moment ask for one together") {
  Machine machine({token_answer("T1"), token_answer("T2")});
  const auto run = machine.run();
  std::vector<std::future<std::string>> threads;
  for (int i = 0; i < 8; ++i) {
    threads.push_back(std::async(std::launch::async, [&] {
      CurlHttpClient http;
      return run->oauth.token(http);
    }));
  }
  for (std::future<std::string>& thread : threads) {
    CHECK(thread.get() == "T1");
  }
  CHECK(run->oauth.fetches() == 1);
}

TEST_CASE("who waited for a token shares the failure to get it") {
  constexpr int kThreads = 8;
  std::latch started(kThreads);
  Step first = answer("503 Service Unavailable");
  first.first = [&] {
    started.wait();
    std::this_thread::sleep_for(200ms);
  };
  const Step busy = answer("503 Service Unavailable");
  Machine machine({first, busy, busy, busy, token_answer("T1")});
  const auto run = machine.run();
  std::vector<std::future<ExitStatus>> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.push_back(std::async(std::launch::async, [&] {
      started.count_down();
      return error_of(run->oauth).status();
    }));
  }
  for (std::future<ExitStatus>& thread : threads) {
    CHECK(thread.get() == ExitStatus::kUnavailable);
  }
  CHECK(machine.asked() == 4);
  CHECK(run->token() == "T1");
}

TEST_CASE("of an answer that is too long for a token no more is read than one would need") {
  Machine machine({answer("200 OK", std::string(1 << 20, '['))});
  const auto run = machine.run();
  for (int i = 0; i < 2; ++i) {
    const Error error = error_of(run->oauth);
    CHECK(error.status() == ExitStatus::kConfig);
  }
  CHECK(machine.asked() == 1);
}

TEST_CASE("neither a deadline nor a stop waits for a token") {
  const Stop stop;
  SystemClock clock(stop);
  ScriptedServer server({raw("", Step::Then::kHang)});
  const Credentials credentials = client_credentials();
  const Gateway gateway{.url = server.url(), .host = "127.0.0.1"};
  const TemporaryDirectory directory;
  Milliseconds time = 30s;
  std::thread other;
  SECTION("the deadline") {
    time = 300ms;
  }
  SECTION("a stop") {
    other = std::thread([] {
      std::this_thread::sleep_for(300ms);
      raise(SIGTERM);
    });
  }
  const Deadline deadline(clock, time);
  OAuth oauth(gateway, credentials, directory.path(), clock, deadline);
  const auto begin = std::chrono::steady_clock::now();
  CHECK(error_of(oauth).status() == ExitStatus::kUnavailable);
  CHECK(std::chrono::steady_clock::now() - begin < 15s);
  CHECK(server.requests().size() == 1);
  if (other.joinable()) {
    other.join();
  }
}

TEST_CASE("a token that the gateway repeats is not shown") {
  Machine machine({token_answer("eyJhbGciOiJSUzI1NiJ9.of.ours")});
  REQUIRE(machine.run()->token() == "eyJhbGciOiJSUzI1NiJ9.of.ours");
  CHECK(masked("Bearer eyJhbGciOiJSUzI1NiJ9.of.ours is not valid") == "Bearer *** is not valid");
}

TEST_CASE("a refusal that another one found out is everyone's") {
  Machine machine({token_answer("T1")});
  const auto run = machine.run();
  REQUIRE(run->token() == "T1");
  run->oauth.refuse(Error(ExitStatus::kRefused, "app key", "mend it"));
  CHECK(error_of(run->oauth).what() == std::string("app key"));
  CHECK(machine.asked() == 1);
}

namespace {

// Tells that somebody waits.
class WatchedClock : public SystemClock {
 public:
  using SystemClock::SystemClock;
  void sleep(Milliseconds duration) override {
    if (!std::exchange(slept_, true)) {
      waiting.set_value();
    }
    SystemClock::sleep(duration);
  }
  std::promise<void> waiting;

 private:
  bool slept_ = false;
};

}  // namespace

TEST_CASE("of two runs that need a token at once one asks, the other waits for what it gets") {
  const Stop stop;
  WatchedClock clock(stop);
  std::promise<void> first_is_asking;
  auto second_waits = clock.waiting.get_future();
  Step step = token_answer("T1");
  step.first = [&] {
    first_is_asking.set_value();
    second_waits.wait_for(30s);  // without the lock it would never wait, but ask
  };
  ScriptedServer server({step, token_answer("T2")});
  const TemporaryDirectory directory;
  const Credentials credentials = client_credentials();
  const Gateway gateway{.url = server.url(), .host = "127.0.0.1"};
  const auto token = [&](Clock& own_clock) {
    CurlHttpClient http;
    const Deadline deadline(own_clock, 5min);
    return OAuth(gateway, credentials, directory.path(), own_clock, deadline).token(http);
  };
  auto first = std::async(std::launch::async, [&] {
    SystemClock own_clock(stop);
    return token(own_clock);
  });
  first_is_asking.get_future().wait();
  CHECK(token(clock) == "T1");
  CHECK(first.get() == "T1");
  CHECK(server.requests().size() == 1);
}

TEST_CASE("a run does not wait for ever for another one's token") {
  Machine machine({token_answer("T1"), token_answer("T2")});
  REQUIRE(machine.run()->token() == "T1");
  const fs::path lock = fs::path(machine.cache()).replace_extension(".lock");
  const auto held = try_lock(lock, ExitStatus::kSpool);
  REQUIRE(held);
  fs::remove(machine.cache());
  CHECK(machine.run()->token() == "T2");
  CHECK(machine.clock.steady() - SteadyPoint() == 30s);
}
