#include "faults/case.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <fstream>
#include <iterator>

namespace ohip::faults {
namespace fs = std::filesystem;

namespace {

std::string content(const std::vector<fs::path>& paths) {
  std::string all;
  for (const fs::path& path : paths) {
    all += read(path) + "\n";
  }
  return all;
}

}  // namespace

// Simulator and generator start from different seeds, so that no two events are the same.
Stage::Stage(int brokers)
    : kafka(brokers),
      reader((kafka.create(kTopic, 1), kafka.bootstrap()), kTopic),
      generator(1'000'000) {}

Case::Case(Stage& the_stage, Row& row, std::string what, std::vector<std::string> hotels)
    : Trial(row, std::move(what), OHIP_POLL_PROGRAM),
      stage(the_stage),
      hotels_(std::move(hotels)),
      earlier_records_(stage.reader.read().size()),
      earlier_polls_(stage.ohip.stats().polls) {
  for (const std::string& hotel : hotels_) {
    earlier_handed_out_[hotel] = stage.ohip.handed_out(hotel).size();
  }
  const sim::Options& o = stage.ohip.options();
  environment = {{"OHIP_GATEWAY_URL", stage.ohip.url()},
                 {"OHIP_CLIENT_ID", o.client_id},
                 {"OHIP_CLIENT_SECRET", o.client_secret},
                 {"OHIP_APP_KEY", o.app_key},
                 {"OHIP_ENTERPRISE_ID", o.enterprise_id},
                 {"OHIP_EXTERNAL_SYSTEM", o.external_system},
                 {"OHIP_HOTELS", fmt::format("{}", fmt::join(hotels_, ","))},
                 {"OHIP_SPOOL_DIR", spool.string()},
                 {"OHIP_MAX_POLLS_PER_MINUTE", "0"},  // a batch is taken while another is delivered
                 {"KAFKA_TOPIC", kTopic},
                 {"KAFKA_BOOTSTRAP_SERVERS", stage.kafka.bootstrap()}};
}

void Case::enqueue(std::size_t events) {
  for (const std::string& hotel : hotels_) {
    stage.ohip.enqueue(hotel, events);
  }
}

void Case::preload(std::size_t batches) {
  for (const std::string& hotel : hotels_) {
    fs::create_directories(queue_of(hotel));
    for (std::size_t i = 0; i < batches; ++i) {
      std::string body;
      for (int event = 0; event < 20; ++event) {
        preloaded_.push_back(stage.generator.next(hotel));
        body += (event == 0 ? "" : ",") + preloaded_.back();
      }
      const std::string name = fmt::format("20261123T190705.{:06}Z-earlier-{}.json", i, i);
      std::ofstream(queue_of(hotel) / name) << R"({"businessEventData":[)" << body << "]}";
    }
  }
}

void Case::put_aside() {
  for (const std::string& hotel : hotels_) {
    const fs::path quarantine = queue_of(hotel) / "quarantine";
    fs::create_directories(quarantine);
    const auto put = [&](const std::string& ending, const std::string& bytes) {
      const fs::path file = quarantine / ("20261123T190705.000000Z-earlier" + ending);
      std::ofstream(file) << bytes;
      std::ofstream(fs::path(file).replace_extension(".reason")) << "why\n";
    };
    const auto next = [&] { return preloaded_.emplace_back(stage.generator.next(hotel)); };
    put(".json", fmt::format(R"({{"businessEventData":[{},{},{}]}})", next(), next(), next()));
    put(".1.json", next());
    put(".2.json", next());
  }
}

void Case::observe(const test::Result& result) {
  Trial::observe(result);
  const std::string disk = content(spooled()) + content(quarantined());
  for (const std::string& event : handed_out()) {
    if (contains(disk, event)) {
      on_disk_.insert(event);
    }
  }
}

void Case::settle(const std::set<int>& last) {
  count_statuses();
  const test::Result mended = run({"--drain"});
  expect(last.contains(mended.status), fmt::format("the mended run ends with one of {}, not {}: {}",
                                                   last, mended.status, mended.err));
  reckon();
}

void Case::reckon() {
  std::map<std::string, int> copies;
  for (const std::string& event : arrived()) {
    ++copies[event];
  }
  const std::string kept = content(quarantined());
  // A run that is killed when it has noted the loss, and before it ends, leaves the note alone.
  const bool confessed = contains(kept, "may be lost") ||
                         std::any_of(results().begin(), results().end(),
                                     [](const test::Result& run) { return run.status == 76; });
  for (const std::string& event : handed_out()) {
    ++row().handed_out;
    const int count = copies[event];
    if (count == 0 && !contains(kept, event)) {
      const bool allowed = confessed && !on_disk_.contains(event);
      ++(allowed ? row().lost_allowed : row().lost);
      expect(allowed, "an event is lost: " + event);
    } else if (count > 1) {
      const bool allowed = duplicates_allowed;
      ++(allowed ? row().duplicated_allowed : row().duplicated);
      expect(allowed, "an event is in Kafka twice: " + event);
    }
  }
  ++row().cases;
  row().quarantined += quarantined().size() / 2;
  for (const std::string& hotel : hotels_) {
    expect(fs::exists(queue_of(hotel) / "lock"), "the mended run sees to every queue");
  }
  expect(spooled().empty(), "the spool is empty in the end");
}

std::vector<std::string> Case::handed_out() const {
  std::vector<std::string> events = preloaded_;
  for (const auto& [hotel, earlier] : earlier_handed_out_) {
    const std::vector<std::string> all = stage.ohip.handed_out(hotel);
    events.insert(events.end(), all.begin() + static_cast<std::ptrdiff_t>(earlier), all.end());
  }
  return events;
}

std::vector<std::string> Case::arrived() const {
  const std::vector<Stored>& records = stage.reader.read();
  std::vector<std::string> values;
  for (std::size_t i = earlier_records_; i < records.size(); ++i) {
    values.push_back(records[i].value);
  }
  return values;
}

std::vector<fs::path> Case::spooled() const {
  std::vector<fs::path> found;
  for (const std::string& hotel : hotels_) {
    for (const fs::path& one : queues_of(hotel)) {
      std::ranges::copy(files_in(one), std::back_inserter(found));
    }
  }
  return found;
}

std::vector<fs::path> Case::quarantined() const {
  std::vector<fs::path> found;
  for (const std::string& hotel : hotels_) {
    for (const fs::path& one : queues_of(hotel)) {
      std::ranges::copy(files_in(one / "quarantine"), std::back_inserter(found));
    }
  }
  return found;
}

// Of all gateways.
std::vector<fs::path> Case::queues_of(const std::string& hotel) const {
  std::vector<fs::path> queues;
  std::error_code none;
  for (const auto& gateway : fs::directory_iterator(spool, none)) {
    queues.push_back(gateway.path() / "OHIPDEMO" / hotel);
  }
  return queues;
}

fs::path Case::queue_of(const std::string& hotel) const {
  return QueueName{stage.ohip.url(), "OHIPDEMO", hotel}.directory(spool);
}

std::uint64_t Case::polls() const {
  return stage.ohip.stats().polls - earlier_polls_;
}

}  // namespace ohip::faults
