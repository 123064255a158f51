#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "faults/reader.h"
#include "faults/trial.h"
#include "simulator/simulator.h"
#include "spool/spool.h"
#include "support/mock_kafka.h"

namespace ohip::faults {

inline constexpr const char* kHotel = "ABC";

inline constexpr const char* kTopic = "events";

// An OHIP and a Kafka that serve many cases, one at a time. No event comes twice.
struct Stage {
  explicit Stage(int brokers = 1);

  sim::Simulator ohip;
  MockKafka kafka;
  Reader reader;
  sim::EventGenerator generator;
};

// Something breaks in one run or several, then nothing does: what OHIP handed out meanwhile is
// compared with what Kafka, spool and quarantine hold.
class Case : public Trial {
 public:
  Case(Stage& stage, Row& row, std::string what, std::vector<std::string> hotels = {kHotel});

  // Events that wait at OHIP, for each hotel.
  void enqueue(std::size_t events);
  // Files that an earlier run is said to have left in each hotel's spool, 20 events each.
  void preload(std::size_t batches);
  // What an earlier run is said to have put into each hotel's quarantine: an answer of three events
  // and two single ones, each with its reason.
  void put_aside();

  void observe(const test::Result& result) override;
  // An unbroken run, and the reckoning. last: the statuses it may end with.
  void settle(const std::set<int>& last = {0, 76});

  std::vector<std::string> handed_out() const;
  std::vector<std::string> arrived() const;
  // Files below the queues' directories.
  std::vector<std::filesystem::path> spooled() const;
  std::vector<std::filesystem::path> quarantined() const;
  std::uint64_t polls() const;
  std::filesystem::path queue_of(const std::string& hotel) const;

  Stage& stage;
  std::filesystem::path queue = queue_of(kHotel);
  bool duplicates_allowed = false;

 private:
  void reckon();
  std::vector<std::filesystem::path> queues_of(const std::string& hotel) const;

  std::vector<std::string> hotels_;
  std::vector<std::string> preloaded_;
  // Of the cases before this one.
  std::map<std::string, std::size_t> earlier_handed_out_;
  std::size_t earlier_records_;
  std::uint64_t earlier_polls_;
  std::set<std::string> on_disk_;  // events that were whole on the disk after some run
};

}  // namespace ohip::faults
