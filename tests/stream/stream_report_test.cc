#include "stream/stream_report.h"

#include <fstream>
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

struct Fixture {
  std::string text() const { return read_file(file, ExitStatus::kOk); }
  // The figure of that series, as it is written; "none": there is none.
  std::string figure(const std::string& series) const {
    const std::string text = "\n" + this->text();
    const std::size_t found = text.find("\n" + series + " ");
    if (found == std::string::npos) {
      return "none";
    }
    const std::size_t begin = found + series.size() + 2;
    return text.substr(begin, text.find('\n', begin) - begin);
  }

  TemporaryDirectory directory;
  fs::path file = directory / "s.prom";
  StreamMetrics metrics{file};
  StreamReport report;
};

}  // namespace

TEST_CASE_METHOD(Fixture, "a run at work shows what it is at; its end stays unknown until then") {
  report.connected = true;
  report.taken = 3;
  report.delivered_by_type = {{"com.oracle.opera.block.new", 2}};
  report.closes = {{"4409", 1}};
  report.position.received = kNow - 7s;
  metrics.write(report, kNow, false);
  CHECK(figure(R"(ohip_stream_connected{file="s.prom"})") == "1");
  CHECK(figure(R"(ohip_stream_updated_timestamp_seconds{file="s.prom"})") == "1795460825");
  CHECK(figure(R"(ohip_stream_last_event_timestamp_seconds{file="s.prom"})") == "1795460818");
  CHECK(figure(R"(ohip_stream_events_taken_total{file="s.prom"})") == "3");
  CHECK(figure(R"(ohip_stream_closes_total{file="s.prom",code="4409"})") == "1");
  CHECK(figure(R"(ohip_stream_last_run_timestamp_seconds{file="s.prom"})") == "0");
  CHECK(figure(R"(ohip_stream_runs_total{file="s.prom",status="0"})") == "none");
  report.connected = false;
  report.taken = 5;
  metrics.write(report, kNow + 60s, true);
  CHECK(figure(R"(ohip_stream_connected{file="s.prom"})") == "0");
  CHECK(figure(R"(ohip_stream_events_taken_total{file="s.prom"})") == "5");
  CHECK(figure(R"(ohip_stream_last_run_timestamp_seconds{file="s.prom"})") == "1795460885");
  CHECK(figure(R"(ohip_stream_runs_total{file="s.prom",status="0"})") == "1");
}

TEST_CASE_METHOD(Fixture, "a run that finds another one at work leaves that one's figures alone") {
  report.connected = true;
  metrics.write(report, kNow, false);
  const std::string before = text();
  StreamReport held;
  held.held = true;
  StreamMetrics(file).write(held, kNow + 60s, true);
  CHECK(text() == before);
}

TEST_CASE_METHOD(Fixture, "how long OHIP has been quiet is told before it stands in the position") {
  const std::string series = R"(ohip_stream_quiet_timestamp_seconds{file="s.prom"})";
  metrics.write(report, kNow, false);
  CHECK(figure(series) == "0");
  report.position.quiet = kNow - 600s;
  metrics.write(report, kNow, false);
  CHECK(figure(series) == "1795460225");
  report.quiet = kNow - 5s;
  metrics.write(report, kNow, false);
  CHECK(figure(series) == "1795460820");
}

TEST_CASE_METHOD(Fixture, "a possible gap is counted once, as soon as it is found") {
  const std::string series = R"(ohip_stream_possible_gaps_total{file="s.prom"})";
  report.add(Error(ExitStatus::kUnavailable, "OHIP is away"));
  metrics.write(report, kNow, false);
  CHECK(figure(series) == "0");
  report.add(Error(ExitStatus::kPossibleLoss, "events may be missing"));
  metrics.write(report, kNow, false);
  CHECK(figure(series) == "1");
  metrics.write(report, kNow, true);
  CHECK(figure(series) == "1");
}

TEST_CASE_METHOD(Fixture, "a file with ohip-poll's figures is not written over") {
  const std::string others = "ohip_poll_polls_total{file=\"s.prom\",hotel=\"ABC\"} 2\n";
  std::ofstream(file) << others;
  CHECK_THROWS_AS(metrics.write(report, kNow, true), Error);
  CHECK(text() == others);
}
