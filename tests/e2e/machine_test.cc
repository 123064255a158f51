// The real binary under what a shell, a user and a machine do to it.

#include <fmt/format.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "e2e/world.h"
#include "simulator/simulator.h"
#include "support/catch.h"

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using namespace ohip::test;
using ohip::sim::parse_fault;

namespace {

bool contains(const std::string& text, const std::string& part) {
  UNSCOPED_INFO("text: " << text);
  return text.find(part) != std::string::npos;
}

void wait_until(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + 60s;
  while (!condition()) {
    REQUIRE(std::chrono::steady_clock::now() < deadline);
    std::this_thread::sleep_for(5ms);
  }
}

// The program, begun by a shell that has done something before.
std::vector<std::string> after(const std::string& commands, std::vector<std::string> arguments) {
  std::vector<std::string> shell = {"/bin/sh", "-c", commands + "\nexec \"$0\" \"$@\"", kProgram};
  shell.insert(shell.end(), arguments.begin(), arguments.end());
  return shell;
}

}  // namespace

TEST_CASE_METHOD(World, "with all standard streams closed events arrive byte for byte") {
  ohip.enqueue("ABC", 25);
  CHECK(
      run(after("exec 0<&- 1>&- 2>&-", {"--drain", "-vv", "--hotel", "ABC"}), environment).status ==
      0);
  CHECK(values() == handed_out());
  CHECK(values().size() == 25);
}

TEST_CASE_METHOD(World, "under nohup a hang-up ends nothing, nor ^C in a shell's background") {
  const auto [name, number] = GENERATE(std::pair{"HUP", SIGHUP}, std::pair{"INT", SIGINT});
  ohip.enqueue("ABC", 45);
  ohip.inject(parse_fault("kind=delay&ms=500"));
  Process process(after(fmt::format("trap '' {}", name), {"--drain", "--hotel", "ABC"}),
                  environment, spool / "out", spool / "err");
  wait_until([&] { return ohip.stats().polls == 1; });
  process.signal(number);
  CHECK(process.wait() == 0);
  CHECK(values().size() == 45);
}

TEST_CASE_METHOD(World, "nothing is taken where files may not be as large as an answer") {
  ohip.enqueue("ABC", 20);
  const Result result =
      run(after("ulimit -f 8", {"--drain", "--hotel", "ABC"}), environment);  // 4 KiB
  CHECK(result.status == 74);
  CHECK(contains(result.err, "File too large"));
  CHECK(ohip.handed_out("ABC").empty());
}

TEST_CASE_METHOD(World, "an argument as long as the system takes is read or refused") {
  std::string many;
  for (int i = 0; i < 60'000; ++i) {
    many += "A,";
  }
  ohip.enqueue("A", 3);
  CHECK(poll({"--hotel=" + many}).status == 0);
  CHECK(values().size() == 3);
  const Result result = poll({"--" + many});
  CHECK(result.status == 64);
  CHECK(result.err.size() < 1'000);
}
