// Breaks one thing after the other under the real programs, and counts what became of the events.
//   faults [--quick] [CLASS …]

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <stdexcept>
#include <string>
#include <vector>

#include "faults/classes.h"
#include "kafka/cluster/broker.h"

namespace {

using ohip::faults::Row;

struct Class {
  const char* name;
  const char* title;
  void (*run)(Row& row, std::size_t stride);
  std::size_t quick;    // the stride of a quick run
  bool stream = false;  // over a real Kafka; mostly waits
};

const std::vector<Class> kClasses = {
    {"killed", "killed at each system call", ohip::faults::killed, 11},
    {"killed-recovering", "the same with batches in the spool", ohip::faults::killed_recovering,
     13},
    {"killed-threads", "killed in whatever thread", ohip::faults::killed_threads, 23},
    {"killed-hotels", "killed with three queues at work", ohip::faults::killed_hotels, 47},
    {"killed-overlapping", "killed between two batches", ohip::faults::killed_overlapping, 17},
    {"killed-twice", "killed, and killed again", ohip::faults::killed_twice, 6},
    {"stopped", "SIGTERM, SIGINT at random moments", ohip::faults::stopped, 4},
    {"storage-once", "one call of the storage fails", ohip::faults::storage_once, 9},
    {"storage-for-good", "it and all later ones fail", ohip::faults::storage_for_good, 11},
    {"storage-threads", "the same in whatever thread", ohip::faults::storage_threads, 11},
    {"order", "what is not synced is gone", ohip::faults::order, 1},
    {"storage-full", "a small disk, really full", ohip::faults::storage_full, 1},
    {"cut-length", "cut at each length, Content-Length", ohip::faults::cut_length, 37},
    {"cut-chunked", "the same, chunked", ohip::faults::cut_chunked, 37},
    {"cut-gzip", "the same, gzip", ohip::faults::cut_gzip, 37},
    {"answer", "late, malformed, not OHIP's", ohip::faults::answer, 1},
    {"status", "each status, page and error object", ohip::faults::status, 7},
    {"limits", "answers and files at their bounds", ohip::faults::limits, 1},
    {"connection", "what waits in a connection", ohip::faults::connection, 4},
    {"proxy", "the proxy fails", ohip::faults::proxy, 1},
    {"broker", "the broker says odd things", ohip::faults::broker, 13},
    {"kafka", "Kafka fails", ohip::faults::kafka, 1},
    {"concurrent", "two at once", ohip::faults::concurrent, 1},
    {"requeue", "putting back, killed or failing", ohip::faults::requeued, 4},
    {"outage", "a thousand batches in the spool", ohip::faults::outage, 10},
    {"stream-killed", "a stream killed in whatever thread", ohip::faults::stream_killed, 251, true},
    {"stream-random", "a stream killed at random moments", ohip::faults::stream_random, 21, true},
    {"stream-broker", "the broker fails in transactions", ohip::faults::stream_broker, 12, true},
    {"stream-server", "OHIP closes, breaks, repeats", ohip::faults::stream_server, 9, true},
    {"stream-slow", "Kafka slow or away for minutes", ohip::faults::stream_slow, 10, true},
    {"stream-two", "two machines", ohip::faults::stream_two, 24, true},
};

void print_header() {
  fmt::print("{:<38} {:>6} {:>7} {:>5} {:>5} {:>5} {:>5} {:>5}  {}\n", "", "cases", "events",
             "lost", "(76)", "twice", "(ok)", "quar.", "exit status: runs");
  std::fflush(stdout);
}

void print(const Row& row) {
  std::string statuses;
  for (const auto& [status, count] : row.statuses) {
    statuses += fmt::format("{}: {}  ", status, count);
  }
  fmt::print("{:<38} {:>6} {:>7} {:>5} {:>5} {:>5} {:>5} {:>5}  {}\n", row.name, row.cases,
             row.handed_out, row.lost, row.lost_allowed, row.duplicated, row.duplicated_allowed,
             row.quarantined, statuses);
  constexpr std::size_t kShown = 20;
  for (std::size_t i = 0; i < row.violations.size() && i < kShown; ++i) {
    fmt::print("  {}\n", row.violations[i]);
  }
  if (row.violations.size() > kShown) {
    fmt::print("  … {} in all\n", row.violations.size());
  }
  std::fflush(stdout);
}

// What is asked for, or all; without tests/kafka/cluster/suite all but a real Kafka's.
std::vector<Class> chosen(const std::vector<std::string>& names) {
  std::vector<Class> classes;
  for (const Class& one : kClasses) {
    const bool possible = !one.stream || std::getenv("OHIP_POLL_KAFKA_VERSION") != nullptr;
    if (names.empty() ? possible : std::find(names.begin(), names.end(), one.name) != names.end()) {
      classes.push_back(one);
    }
  }
  if (classes.size() < names.size()) {
    std::string known;
    for (const Class& one : kClasses) {
      known += fmt::format(" {}", one.name);
    }
    throw std::invalid_argument("the classes are:" + known);
  }
  return classes;
}

Row row_of(const Class& one, bool quick) {
  Row row{one.title};
  one.run(row, quick ? one.quick : 1);
  return row;
}

int run(std::vector<std::string> words) {
  const bool quick = std::erase(words, "--quick") > 0;
  bool kept = true;
  const auto take = [&](const Row& row) {
    print(row);
    kept = kept && row.cases > 0 && row.violations.empty();
  };
  const std::vector<Class> classes = chosen(words);
  print_header();
  std::vector<std::future<Row>> streams;
  for (const Class& one : classes) {
    if (one.stream) {
      ohip::test::broker();  // ends with the thread that starts it
      streams.push_back(std::async(std::launch::async, row_of, one, quick));
    }
  }
  for (const Class& one : classes) {
    if (!one.stream) {
      take(row_of(one, quick));
    }
  }
  for (std::future<Row>& row : streams) {
    take(row.get());
  }
  fmt::print("{}\n", kept ? "every promise is kept" : "NOT EVERY PROMISE IS KEPT");
  return kept ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(std::vector<std::string>(argv + 1, argv + argc));
  } catch (const std::exception& e) {
    fmt::print(stderr, "faults: error: {}\n", e.what());
    return 64;
  }
}
