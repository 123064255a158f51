// Answers, files and memory at their bounds.

#include <fmt/format.h>

#include <chrono>
#include <string_view>
#include <thread>

#include "faults/classes.h"

namespace ohip::faults {
namespace {

constexpr long kMostMemoryKib = 64 << 10;

// An answer of that many events, and mappings of that size.
std::string answer(Stage& stage, std::size_t events, std::size_t mapping) {
  std::string body = R"({"businessEventData":[)";
  for (std::size_t i = 0; i < events; ++i) {
    body += (i == 0 ? "" : ",") + stage.generator.next(kHotel);
  }
  return body + R"(],"dataValueMapping":[")" + std::string(mapping, 'x') + "\"]}";
}

// One file in quarantine, whatever it is made of, and nothing in Kafka.
void aside_whole(Stage& stage, Row& row, const std::string& what, const std::string& body) {
  Case one(stage, row, what);
  stage.ohip.inject(sim::parse_fault("kind=status&status=200", body));
  const test::Result result = one.run();
  one.expect(result.status == 65, fmt::format("exit 65: {}", result.err));
  one.expect(one.quarantined().size() == 2, fmt::format("{} files", one.quarantined().size()));
  one.expect(one.arrived().empty(), "nothing of it is delivered");
  one.settle({0});
}

// The most memory that a program holds until it ends, or shortly before. (What the kernel tells
// whoever waits for it counts the memory of the test, too, from which it was forked.)
long watch_memory(const test::Process& process) {
  const std::string status = fmt::format("/proc/{}/status", process.pid());
  constexpr std::string_view kPeak = "VmHWM:";
  long peak = 0;
  for (std::string text = read(status); contains(text, std::string(kPeak)); text = read(status)) {
    peak = std::stol(text.substr(text.find(kPeak) + kPeak.size()));
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return peak;
}

// One run on an answer with a large mapping, which its twenty records share. The mock cluster takes
// them and does not keep so much: what the program says of them is all there is to see.
struct Large {
  Large(Row& row, const std::string& what, std::size_t mapping, const std::string& mode,
        std::vector<std::string> prefix = {})
      : one(stage, row, what) {
    stage.ohip.inject(sim::parse_fault("kind=status&status=200", answer(stage, 20, mapping)));
    one.environment["KAFKA_MESSAGE_MAX_BYTES"] = "20000000";
    const std::vector<std::string> program = one.command({mode, "--report", "json"});
    prefix.insert(prefix.end(), program.begin(), program.end());
    test::Process process(prefix, one.environment, one.directory / "out", one.directory / "err");
    peak_kib = watch_memory(process);
    result.status = process.wait();
    result.out = read(one.directory / "out");
    result.err = read(one.directory / "err");
    ++row.statuses[result.status];
    ++row.cases;
  }

  void expect(int status, int delivered) {
    one.expect(result.status == status, fmt::format("exit {}: {}", status, result.err));
    one.expect(contains(result.out, fmt::format(R"("delivered":{},)", delivered)),
               fmt::format("{} are delivered: {}", delivered, result.out));
    one.expect(one.spooled().empty(), "nothing is left");
  }

  Stage stage;
  Case one;
  test::Result result;
  long peak_kib = 0;
};

void large_mapping(Row& row, const std::string& mode) {
  Large large(row, "a mapping of 9 MB, " + mode, 9'000'000, mode);
  large.expect(0, 20);
  large.one.expect(large.peak_kib > 0 && large.peak_kib <= kMostMemoryKib,
                   fmt::format("{} KiB of memory do, not {}", kMostMemoryKib, large.peak_kib));
}

// No file may be larger than that, which shows before OHIP is asked, or when it has answered.
void small_files(Row& row, std::size_t largest, std::size_t mapping, int delivered) {
  Large large(row, fmt::format("files of {} bytes at most", largest), mapping, "--once",
              {PRLIMIT, fmt::format("--fsize={}", largest)});
  large.expect(74, delivered);
}

}  // namespace

void limits(Row& row, std::size_t /*stride*/) {
  Stage stage;
  std::string empties = "{}";
  for (int i = 1; i < 20'000; ++i) {
    empties += ",{}";
  }
  aside_whole(stage, row, "21 events", answer(stage, 21, 0));
  aside_whole(stage, row, "20,000 events without an id",
              fmt::format(R"({{"businessEventData":[{}]}})", empties));
  aside_whole(stage, row, "10 MB of opening brackets", std::string(10'000'000, '['));
  small_files(row, 5'000'000, 1'000, 0);
  small_files(row, 11'000'000, 12'000'000, 20);
  large_mapping(row, "--once");
  large_mapping(row, "--drain");
}

}  // namespace ohip::faults
