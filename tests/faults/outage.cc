// A long outage: a thousand batches in one queue's spool.

#include <fmt/format.h>
#include <unistd.h>

#include <map>

#include "faults/classes.h"

namespace ohip::faults {
namespace {

constexpr std::size_t kMostMemory = 128U << 10U;  // KiB

// The most memory that the process has held, in KiB; 0 once it has ended.
std::size_t peak_memory(pid_t pid) {
  const std::string status = read(fmt::format("/proc/{}/status", pid));
  const std::size_t at = status.find("VmHWM:");
  return at == std::string::npos ? 0 : std::stoul(status.substr(at + 6));
}

bool keeps_order(const std::vector<std::string>& all, const std::vector<Stored>& records,
                 std::size_t first) {
  std::map<std::string, std::size_t> place;
  for (std::size_t i = 0; i < all.size(); ++i) {
    place[all[i]] = i;
  }
  std::map<std::string, std::size_t> last;
  for (std::size_t i = first; i < records.size(); ++i) {
    const std::size_t now = place[records[i].value];
    std::size_t& before = last[records[i].key];
    if (now < before) {
      return false;
    }
    before = now;
  }
  return true;
}

}  // namespace

void outage(Row& row, std::size_t stride) {
  const std::size_t batches = 1'000 / stride;
  Stage stage;
  Case one(stage, row, fmt::format("{} batches", batches));
  one.preload(batches);
  const std::size_t before = stage.reader.read().size();
  const auto process = one.start({"--replay", "--deadline", "10m"});
  std::size_t memory = 0;
  while (const std::size_t now = peak_memory(process->pid())) {
    memory = now;
    stage.reader.read();  // Kafka's simulation forgets what is older than 5 MB
    usleep(10'000);
  }
  one.observe({process->wait(), {}, one.said()});
  one.expect(one.said().empty() && one.arrived().size() == 20 * batches, "all arrive, in silence");
  one.expect(memory > 0 && memory < kMostMemory, fmt::format("memory is bounded: {} KiB", memory));
  one.expect(keeps_order(one.handed_out(), stage.reader.read(), before), "order is kept per key");
  one.settle({0});
}

}  // namespace ohip::faults
