// What a person at a terminal sees of a run.

#include "e2e/terminal.h"

#include <algorithm>
#include <string>
#include <vector>

#include "e2e/world.h"
#include "support/catch.h"
#include "support/scripted_server.h"

using namespace ohip::test;

namespace {

struct Watched : World {
  Watched() {
    environment["TERM"] = "xterm-256color";
    ohip.enqueue("ABC", 3);
  }

  Result watch(std::vector<std::string> arguments, std::size_t columns = 80) const {
    arguments.insert(arguments.begin(), {kProgram, "--hotel", "ABC"});
    return Terminal(arguments, environment, columns).wait();
  }

  // Long enough for a progress line, which comes four times a second.
  const std::vector<std::string> kLong = {"--run-for", "2s", "--interval", "500ms"};
};

// Escape sequences, but for the one that erases a line.
bool has_foreign_escapes(const std::string& shown) {
  for (std::size_t at = shown.find('\x1b'); at != std::string::npos;
       at = shown.find('\x1b', at + 1)) {
    if (at == 0 || shown.compare(at - 1, kErase.size(), kErase) != 0) {
      return true;
    }
  }
  return false;
}

const std::string kSummary = "ohip-poll: info: 1 queue: 3 taken, 3 delivered";

}  // namespace

TEST_CASE_METHOD(Watched, "a terminal sees progress and a summary, and no line for each poll") {
  environment["NO_COLOR"] = "1";
  const Result result = watch(kLong);
  CAPTURE(result.out);
  CHECK(result.status == 0);
  REQUIRE(!progress(result.out).empty());
  CHECK(progress(result.out).front().find(" of 1 queues, ") != std::string::npos);
  CHECK(result.out.find(std::string(kErase) + kSummary) != std::string::npos);
  CHECK(std::count(result.out.begin(), result.out.end(), '\n') == 1);
  CHECK(result.out.ends_with("\r\n"));
  CHECK(!has_foreign_escapes(result.out));
}

TEST_CASE_METHOD(Watched,
                 "with -v a terminal sees each poll, with -q neither progress nor summary") {
  CHECK(watch({"-v"}).out.find("x-request-id") != std::string::npos);
  CHECK(watch({"-q"}).out.empty());
}

TEST_CASE_METHOD(Watched,
                 "a dumb terminal sees the summary, and nothing that it could not overwrite") {
  for (const char* term : {"dumb", ""}) {
    environment["TERM"] = term;
    const Result result = watch({"--run-for", "1s", "--interval", "500ms"});
    CHECK(result.out.starts_with("ohip-poll: info: 1 queue: "));
    CHECK(result.out.find('\x1b') == std::string::npos);
    CHECK(std::count(result.out.begin(), result.out.end(), '\n') == 1);
  }
}

TEST_CASE_METHOD(Watched, "progress is never longer than the terminal is wide") {
  for (const std::size_t columns : {20U, 1U}) {
    const Result result = watch({"--run-for", "1s", "--interval", "500ms"}, columns);
    for (const std::string& line : progress(result.out)) {
      CHECK(line.size() < columns);
    }
    CHECK(result.out.find("ohip-poll: info: 1 queue: ") != std::string::npos);
  }
}

TEST_CASE_METHOD(Watched, "Ctrl-C ends the run, and leaves whole lines") {
  Terminal terminal({kProgram, "--hotel", "ABC", "--run-for", "10m", "--interval", "1s"},
                    environment);
  terminal.read_until("3 events");
  terminal.type("\x03");
  const Result result = terminal.wait();
  CAPTURE(result.out);
  CHECK(result.status == 0);
  CHECK(result.out.ends_with("\r\n"));
  CHECK(result.out.find(std::string(kErase) + kSummary) != std::string::npos);
}

TEST_CASE_METHOD(Watched, "what a gateway says moves no terminal's cursor") {
  const Step hostile = answer("500 \x1b[2J\x1b]0;mine\x07",
                              "\x1b[31mred\x9b"
                              "1m\x7f");
  const ScriptedServer gateway(std::vector<Step>(9, hostile));
  environment["OHIP_GATEWAY_URL"] = gateway.url();
  const Result result = watch({"-v", "-v"});
  CAPTURE(result.out);
  CHECK(result.status == 69);
  CHECK(result.out.find("500") != std::string::npos);
  CHECK(!has_foreign_escapes(result.out));
  CHECK(result.out.find_first_of("\x07\x7f\x9b") == std::string::npos);
}

TEST_CASE_METHOD(Watched, "where nobody watches a run is silent") {
  const Result result = poll({"--hotel", "ABC"});
  CHECK(result.status == 0);
  CHECK(result.out.empty());
  CHECK(result.err.empty());
}
