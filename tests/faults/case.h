#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "e2e/process.h"
#include "faults/reader.h"
#include "simulator/simulator.h"
#include "spool/spool.h"
#include "support/mock_kafka.h"
#include "support/temporary_directory.h"

namespace ohip::faults {

inline constexpr const char* kHotel = "ABC";

// One class of faults: a line of the table.
struct Row {
  std::string name;
  std::size_t cases = 0;
  std::size_t handed_out = 0;
  std::size_t lost_allowed = 0;  // asked for, killed before a byte came; the next run said 76
  std::size_t lost = 0;
  std::size_t duplicated_allowed =
      0;  // requests repeated by librdkafka, which the simulation stores
  std::size_t duplicated = 0;
  std::size_t quarantined = 0;            // files
  std::map<int, std::size_t> statuses{};  // of the broken runs
  std::vector<std::string> violations{};
};

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
class Case {
 public:
  Case(Stage& stage, Row& row, std::string what, std::vector<std::string> hotels = {kHotel});

  // Events that wait at OHIP, for each hotel.
  void enqueue(std::size_t events);
  // Files that an earlier run is said to have left in each hotel's spool, 20 events each.
  void preload(std::size_t batches);
  // What an earlier run is said to have put into each hotel's quarantine: an answer of three events
  // and two single ones, each with its reason.
  void put_aside();

  // The program, behind the words of prefix (strace and its options).
  test::Result run(const std::vector<std::string>& arguments = {"--once"},
                   const std::vector<std::string>& prefix = {});
  // The same, to look in on while it runs; observe() is then the caller's.
  std::unique_ptr<test::Process> start(const std::vector<std::string>& arguments,
                                       const std::string& log = "run");
  std::vector<std::string> command(const std::vector<std::string>& arguments) const;
  std::string said(const std::string& log = "run") const;

  // What a run that has ended left behind.
  void observe(const test::Result& result);
  // An unbroken run, and the reckoning. last: the statuses it may end with.
  void settle(const std::set<int>& last = {0, 76});

  void expect(bool holds, const std::string& promise);

  std::vector<std::string> handed_out() const;
  std::vector<std::string> arrived() const;
  // Files below the queues' directories.
  std::vector<std::filesystem::path> spooled() const;
  std::vector<std::filesystem::path> quarantined() const;
  std::uint64_t polls() const;
  std::filesystem::path queue_of(const std::string& hotel) const;

  Stage& stage;
  test::TemporaryDirectory directory;
  std::filesystem::path spool = directory / "spool";
  std::filesystem::path queue = queue_of(kHotel);
  test::Environment environment;
  bool duplicates_allowed = false;

 private:
  void reckon();
  std::vector<std::filesystem::path> queues_of(const std::string& hotel) const;

  Row& row_;
  std::string what_;
  std::vector<std::string> hotels_;
  std::vector<std::string> preloaded_;
  // Of the cases before this one.
  std::map<std::string, std::size_t> earlier_handed_out_;
  std::size_t earlier_records_;
  std::uint64_t earlier_polls_;
  std::vector<test::Result> results_;
  std::set<std::string> on_disk_;  // events that were whole on the disk after some run
};

bool contains(const std::string& text, const std::string& part);
std::string read(const std::filesystem::path& path);

}  // namespace ohip::faults
