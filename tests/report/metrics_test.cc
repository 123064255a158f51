#include "report/metrics.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>

#include "base/file.h"
#include "support/catch.h"
#include "support/temporary_directory.h"

namespace fs = std::filesystem;
using namespace ohip;
using namespace ohip::test;
using namespace std::chrono_literals;

namespace {

constexpr TimePoint kNow(1'795'460'825s);

QueueReport queue(const std::string& hotel) {
  QueueReport report;
  report.hotel = hotel;
  report.polls = 2;
  report.taken = 21;
  report.delivered = 20;
  report.quarantined = 1;
  report.possibly_lost = 3;
  return report;
}

struct Fixture {
  std::string write(const RunReport& run, TimePoint now = kNow) {
    write_metrics(file, run, now);
    return read_file(file, ExitStatus::kOk);
  }

  TemporaryDirectory directory;
  fs::path file = directory / "ohip-poll.prom";
  RunReport report;
};

bool has_line(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

}  // namespace

TEST_CASE_METHOD(Fixture, "a run's figures can be read, by hotel") {
  report.queues = {queue("ABC")};
  report.duration = 1'500ms;
  report.token_fetches = 1;
  const std::string text = write(report);
  CHECK(has_line(text, "ohip_poll_last_run_timestamp_seconds{file=\"ohip-poll.prom\"} 1795460825"));
  CHECK(has_line(text, "ohip_poll_last_run_duration_seconds{file=\"ohip-poll.prom\"} 1.5"));
  CHECK(has_line(text, "ohip_poll_last_run_exit_status{file=\"ohip-poll.prom\"} 0"));
  CHECK(has_line(text,
                 "ohip_poll_last_success_timestamp_seconds{file=\"ohip-poll.prom\"} 1795460825"));
  CHECK(has_line(text, "ohip_poll_runs_total{file=\"ohip-poll.prom\",status=\"0\"} 1"));
  CHECK(has_line(text, "ohip_poll_token_fetches_total{file=\"ohip-poll.prom\"} 1"));
  CHECK(has_line(text, "ohip_poll_polls_total{file=\"ohip-poll.prom\",hotel=\"ABC\"} 2"));
  CHECK(has_line(text, "ohip_poll_events_taken_total{file=\"ohip-poll.prom\",hotel=\"ABC\"} 21"));
  CHECK(
      has_line(text, "ohip_poll_events_delivered_total{file=\"ohip-poll.prom\",hotel=\"ABC\"} 20"));
  CHECK(has_line(text, "ohip_poll_quarantined_total{file=\"ohip-poll.prom\",hotel=\"ABC\"} 1"));
  CHECK(has_line(text,
                 "ohip_poll_events_possibly_lost_total{file=\"ohip-poll.prom\",hotel=\"ABC\"} 3"));
  CHECK(has_line(
      text, "ohip_poll_pending_oldest_timestamp_seconds{file=\"ohip-poll.prom\",hotel=\"ABC\"} 0"));
  CHECK(has_line(text,
                 "ohip_poll_hotel_last_success_timestamp_seconds{file=\"ohip-poll.prom\",hotel="
                 "\"ABC\"} 1795460825"));
}

TEST_CASE_METHOD(Fixture, "counters go on from run to run") {
  report.queues = {queue("ABC")};
  write(report);
  const std::string text = write(report);
  CHECK(has_line(text, "ohip_poll_runs_total{file=\"ohip-poll.prom\",status=\"0\"} 2"));
  CHECK(
      has_line(text, "ohip_poll_events_delivered_total{file=\"ohip-poll.prom\",hotel=\"ABC\"} 40"));
}

TEST_CASE_METHOD(Fixture, "after a failure the last success stays what it was") {
  report.queues = {queue("ABC")};
  write(report);
  report.status = report.queues[0].status = ExitStatus::kPending;
  report.queues[0].pending = 1;
  report.queues[0].oldest_pending = kNow;
  const std::string text = write(report, kNow + 60s);
  CHECK(has_line(text, "ohip_poll_last_run_timestamp_seconds{file=\"ohip-poll.prom\"} 1795460885"));
  CHECK(has_line(text, "ohip_poll_last_run_exit_status{file=\"ohip-poll.prom\"} 75"));
  CHECK(has_line(text,
                 "ohip_poll_last_success_timestamp_seconds{file=\"ohip-poll.prom\"} 1795460825"));
  CHECK(has_line(text,
                 "ohip_poll_hotel_last_success_timestamp_seconds{file=\"ohip-poll.prom\",hotel="
                 "\"ABC\"} 1795460825"));
  CHECK(has_line(text, "ohip_poll_pending_batches{file=\"ohip-poll.prom\",hotel=\"ABC\"} 1"));
  CHECK(has_line(text,
                 "ohip_poll_pending_oldest_timestamp_seconds{file=\"ohip-poll.prom\",hotel=\"ABC\"}"
                 " 1795460825"));
  CHECK(has_line(text, "ohip_poll_runs_total{file=\"ohip-poll.prom\",status=\"0\"} 1"));
  CHECK(has_line(text, "ohip_poll_runs_total{file=\"ohip-poll.prom\",status=\"75\"} 1"));
}

TEST_CASE_METHOD(Fixture, "a queue that was not served keeps the time when it was") {
  report.queues = {queue("ABC")};
  write(report);
  report.queues[0].not_polled = true;
  CHECK(has_line(write(report, kNow + 60s),
                 "ohip_poll_hotel_last_success_timestamp_seconds{file=\"ohip-poll.prom\",hotel="
                 "\"ABC\"} 1795460825"));
}

TEST_CASE_METHOD(Fixture, "thousands of hotels do not become thousands of series") {
  for (int i = 0; i < 2'000; ++i) {
    report.queues.push_back(queue(fmt::format("H{:04}", i)));
  }
  const std::string text = write(report);
  CHECK(has_line(text, "ohip_poll_polls_total{file=\"ohip-poll.prom\",hotel=\"H0499\"} 2"));
  CHECK(text.find("H0500") == std::string::npos);
  CHECK(has_line(text, "ohip_poll_polls_total{file=\"ohip-poll.prom\",hotel=\"other\"} 3000"));
}

TEST_CASE_METHOD(Fixture,
                 "one queue of the rest that was not served keeps the rest's last success") {
  for (int i = 0; i < 602; ++i) {
    report.queues.push_back(queue(fmt::format("H{:04}", i)));
  }
  const std::string last_success =
      "ohip_poll_hotel_last_success_timestamp_seconds{file=\"ohip-poll.prom\",hotel=\"other\"} ";
  CHECK(has_line(write(report), last_success + "1795460825"));
  report.queues[550].not_polled = true;
  CHECK(has_line(write(report, kNow + 60s), last_success + "1795460825"));
  report.queues[550].not_polled = false;
  report.queues[550].held = true;
  CHECK(has_line(write(report, kNow + 60s), last_success + "1795460825"));
  report.queues[550].held = false;
  CHECK(has_line(write(report, kNow + 60s), last_success + "1795460885"));
}

TEST_CASE_METHOD(Fixture, "two files of one directory have no series in common") {
  report.queues = {queue("ABC")};
  std::istringstream lines(write(report));
  file = directory / "other.prom";
  const std::string other = write(report);
  for (std::string line; std::getline(lines, line);) {
    CHECK((line.starts_with('#') ||
           other.find(line.substr(0, line.rfind(' '))) == std::string::npos));
  }
}

TEST_CASE_METHOD(Fixture, "the file is readable by all and comes into being whole") {
  write(report);
  struct stat status = {};
  REQUIRE(stat(file.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0644);
  CHECK(std::distance(fs::directory_iterator(directory.path()), {}) == 1);
}

TEST_CASE_METHOD(Fixture, "a broken file is replaced") {
  std::ofstream(file)
      << "ohip_poll_runs_total{file=\"ohip-poll.prom\",status=\"0\"} many\n\n garbage\n# x 1\n";
  CHECK(has_line(write(report), "ohip_poll_runs_total{file=\"ohip-poll.prom\",status=\"0\"} 1"));
}

TEST_CASE_METHOD(Fixture, "a file with ohip-stream's figures is not written over") {
  const std::string others = "ohip_stream_connected{file=\"ohip-poll.prom\"} 1\n";
  std::ofstream(file) << others;
  CHECK_THROWS_AS(write(report), Error);
  CHECK(read_file(file, ExitStatus::kOk) == others);
}

TEST_CASE_METHOD(Fixture, "every series has a type and a help line, and no time stamp") {
  report.queues = {queue("ABC")};
  std::istringstream lines(write(report));
  std::string family;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# TYPE ")) {
      family = line.substr(7, line.find(' ', 7) - 7);
    } else if (!line.starts_with("#")) {
      CHECK(line.substr(0, line.find_first_of("{ ")) == family);
      CHECK(std::count(line.begin(), line.end(), ' ') == 1);
    }
  }
}

TEST_CASE_METHOD(Fixture, "what is no file of ours is neither read nor waited for") {
  REQUIRE(mkfifo(file.c_str(), 0600) == 0);
  CHECK_THROWS_AS(write(report), Error);
  fs::remove(file);
  fs::create_symlink(directory / "elsewhere.prom", file);
  CHECK_THROWS_AS(write(report), Error);
}

TEST_CASE_METHOD(Fixture, "where nothing can be written the error names the file") {
  file = directory / "missing" / "ohip-poll.prom";
  try {
    write(report);
    FAIL();
  } catch (const Error& error) {
    CHECK(std::string(error.what()).find(file.string()) != std::string::npos);
  }
}
