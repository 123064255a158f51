// From an answer's bytes to records, without any I/O.

#include <fmt/format.h>

#include <atomic>
#include <cstdlib>
#include <ctime>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/classes.h"
#include "bench/sample.h"
#include "bench/table.h"
#include "event/decoder.h"
#include "simulator/events.h"

namespace {

std::atomic<std::size_t> allocations = 0;

}  // namespace

void* operator new(std::size_t size) {
  ++allocations;
  void* const memory = std::malloc(size);
  if (memory == nullptr) {
    throw std::bad_alloc();
  }
  return memory;
}

void operator delete(void* memory) noexcept {
  std::free(memory);
}

void operator delete(void* memory, std::size_t /*size*/) noexcept {
  std::free(memory);
}

namespace ohip::bench {
namespace {

constexpr std::size_t kBatch = 10'000'000;  // bytes
constexpr std::size_t kMostDetails = 4'000;

struct Decoding {
  double seconds = 0;
  std::size_t allocations = 0;
  std::size_t events = 0;
};

// Other programs do not count.
double cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

Decoding decode_once(const Batch& batch) {
  const Origin origin{"gateway.example", "OHIPDEMO", "ohip.business-events"};
  const std::size_t before = allocations;
  const double begin = cpu_seconds();
  const Decoded decoded = decode(batch, origin);
  const double end = cpu_seconds();
  if (!decoded.damage.empty() || !decoded.rejects.empty()) {
    throw std::logic_error("not decoded: " + decoded.damage);
  }
  return {end - begin, allocations - before, decoded.records.size()};
}

Batch batch_of(const std::vector<std::string>& events) {
  Batch batch{.file = "20261123T190705.123456Z-0b0e7f2a-6f0c-4b5e-8a39-2d1c94a1c0de.json",
              .request_id = "0b0e7f2a-6f0c-4b5e-8a39-2d1c94a1c0de",
              .received = {},
              .body = {},
              .storage_error = {}};
  for (const std::string& event : events) {
    batch.body += (batch.body.empty() ? R"({"businessEventData":[)" : ",") + event;
  }
  batch.body += "]}";
  return batch;
}

std::string event_with(std::size_t details) {
  std::string event =
      R"({"businessEvent":{"header":{"moduleName":"Reservation","actionType":"UPDATE RESERVATION",)"
      R"("actionId":"1971132","primaryKey":"919000","publisherId":57489,)"
      R"("createdDateTime":"2026-03-01 09:00:00.0","hotelId":"ABC"},"details":[)";
  for (std::size_t i = 0; i < details; ++i) {
    event += fmt::format(
        R"({}{{"dataElement":"RATE AMOUNT {}","oldValue":"129.5","newValue":"119 \u00e9té",)"
        R"("scopeFrom":"2026-03-02","scopeTo":"2026-03-04"}})",
        i == 0 ? "" : ",", i);
  }
  return event + R"(]},"businessEventId":{"id":"1971132"}})";
}

// As large as OHIP's can be: 20 events in 10 MB.
Batch large_events() {
  const std::string event = event_with(kMostDetails);
  const std::string wide = event_with(kMostDetails * (kBatch / 20) / event.size());
  return batch_of(std::vector<std::string>(20, wide));
}

Batch usual_events() {
  sim::EventGenerator generator(1);
  std::vector<std::string> events;
  for (std::size_t size = 0; size < kBatch; size += events.back().size()) {
    events.push_back(generator.next("ABC"));
  }
  return batch_of(events);
}

void print_batch(const std::string& what, const Batch& batch, std::size_t runs,
                 std::optional<Target> target = {}) {
  std::vector<double> rates;
  Decoding last;
  for (std::size_t i = 0; i < runs; ++i) {
    last = decode_once(batch);
    rates.push_back(1e-6 * static_cast<double>(batch.body.size()) / last.seconds);
  }
  print_row(fmt::format("MB/s, {}", what), spread(rates), target);
  print_row("  allocations per event",
            static_cast<double>(last.allocations) / static_cast<double>(last.events));
}

// Microseconds for a batch of 20.
double cost(std::size_t details, std::size_t runs) {
  const Batch batch = batch_of(std::vector<std::string>(20, event_with(details)));
  std::vector<double> times;
  for (std::size_t i = 0; i < runs; ++i) {
    times.push_back(1e6 * decode_once(batch).seconds);
  }
  return spread(times).min;
}

void print_growth(std::size_t runs) {
  const double base = cost(0, runs);
  double tenth = 0;
  double whole = 0;
  for (const std::size_t details : {std::size_t{1}, kMostDetails / 10, kMostDetails}) {
    tenth = whole;
    whole = (cost(details, runs) - base) / (20 * static_cast<double>(details));
    print_row(fmt::format("ns per detail, {} in an event", details), 1e3 * whole);
  }
  print_row(fmt::format("per detail, {} / {}", kMostDetails, kMostDetails / 10), whole / tenth,
            at_most(1.25));
}

}  // namespace

void decoding(bool quick) {
  const std::size_t runs = quick ? 21 : 101;
  print_title(fmt::format("decoding a batch of 10 MB, {} runs", runs));
  print_batch("20 events of 0.5 MB", large_events(), runs, at_least(400));
  print_batch("as many usual ones as fill 10 MB (OHIP sends 20)", usual_events(), runs);
  print_growth(runs);
}

}  // namespace ohip::bench
