#include "report/findings.h"

#include <new>
#include <stdexcept>

#include "report/tell.h"
#include "support/catch.h"
#include "support/redirected.h"

using namespace ohip;
using namespace ohip::test;

namespace {

std::string told(const Findings& findings) {
  return printed([&] { findings.print(Log(LogLevel::kWarning)); });
}

}  // namespace

TEST_CASE("each possible loss is told with its hotel and its request") {
  Findings findings;
  std::string expected;
  for (const char* hotel : {"hotel A", "hotel B", "hotel C", "hotel D", "hotel E"}) {
    for (const char* id : {"1", "2"}) {
      const std::string detail = std::string("x-request-id ") + hotel + id;
      findings.add(hotel, Error(ExitStatus::kPossibleLoss, "OHIP did not answer", "", detail));
      expected += fmt::format("ohip-poll: error: {}: OHIP did not answer ({})\n", hotel, detail);
    }
  }
  CHECK(told(findings) == expected);
}

TEST_CASE("each file in quarantine is told") {
  Findings findings;
  findings.add("hotel A", Error(ExitStatus::kQuarantine, "not JSON", "look at a"));
  findings.add("hotel A", Error(ExitStatus::kQuarantine, "not JSON", "look at b"));
  CHECK(told(findings) ==
        "ohip-poll: error: hotel A: not JSON\nohip-poll: hint: look at a\n"
        "ohip-poll: error: hotel A: not JSON\nohip-poll: hint: look at b\n");
}

TEST_CASE("what many queues have in common is one line, which names each once") {
  Findings findings;
  for (int i = 0; i < 3; ++i) {
    findings.add("hotel ABC", Error(ExitStatus::kUnavailable, "Kafka is down"));
  }
  CHECK(told(findings) == "ohip-poll: error: hotel ABC: Kafka is down\n");
  for (const char* hotel : {"hotel B", "hotel B", "hotel C", "hotel D", "hotel E"}) {
    findings.add(hotel, Error(ExitStatus::kUnavailable, "Kafka is down"));
  }
  CHECK(told(findings) ==
        "ohip-poll: error: hotel ABC, hotel B, hotel C and 2 more: Kafka is down\n");
}

TEST_CASE("whatever fails while telling is a warning") {
  const Log log(LogLevel::kWarning);
  CHECK(printed([&] { tell(log, "nothing is told", [] { throw std::runtime_error("why"); }); }) ==
        "ohip-poll: warning: nothing is told: why\n");
  CHECK(printed([&] { tell(log, "nothing is told", [] { throw 1; }); }) ==
        "ohip-poll: warning: nothing is told\n");
  CHECK(printed([&] { tell(log, "nothing is told", [] { throw std::bad_alloc(); }); }) ==
        "ohip-poll: warning: nothing is told: std::bad_alloc\n");
}
