#pragma once

#include <filesystem>
#include <future>
#include <string>

#include "base/clock.h"
#include "base/log.h"
#include "config/config.h"
#include "report/report.h"

namespace ohip {

// Who pushes: of all runs of one scheduled job the same, wherever they run.
struct PushIdentity {
  std::string job;       // the program's name
  std::string instance;  // what is served: gateway, external system, hotel; or gateway, chain
  std::string label;     // the last part of it
};

PushIdentity push_identity(const Config& config);

// Where the figures of that identity are put: <url>/metrics/job@base64/…/instance@base64/…
// (https://github.com/prometheus/pushgateway, "URL", for what holds a slash). A url that names a
// job itself (…/metrics/job/…) is taken as it is.
std::string push_url(const std::string& url, const PushIdentity& identity);

// Hands figures to a Prometheus Pushgateway, in place of all that the same job has there. It never
// fails a run: what is refused or not heard is one warning a run. A push is given up after a few
// seconds. Whether the figures were taken or not, they are kept in the spool directory where there
// is one, so that the next run's counters go on.
class Pushgateway {
 public:
  // Without a url it does nothing. The log is kept.
  Pushgateway(const Config& config, const Log& log);
  ~Pushgateway();
  Pushgateway(const Pushgateway&) = delete;
  Pushgateway& operator=(const Pushgateway&) = delete;

  // False: there is none, or a run of this kind is not to be told of.
  bool is_wanted() const { return !url_.empty(); }
  // A push is under way.
  bool is_busy() const;

  // What was pushed last, also by the last run; empty: nothing that is known.
  const std::string& last() const { return last_; }
  const std::string& label() const { return label_; }

  // Not while it is busy. In a thread of its own, so that nothing waits for it.
  void begin(const std::string& text);
  // Waits for what is under way, too.
  void push(const std::string& text);

 private:
  void keep(const std::string& text);
  void put(const std::string& text);
  void warn(const std::string& why);

  const Config& config_;
  const Log& log_;
  std::string url_;
  std::string label_;
  std::filesystem::path file_;  // for the next run
  std::string last_;
  bool warned_ = false;   // only the thread that pushes looks at it
  bool refused_ = false;  // the same: user name and password are not offered again
  std::future<void> under_way_;
};

// The figures of one run, at its end, where they are wanted. Throws nothing.
void push_metrics(const Config& config, const RunReport& report, TimePoint now,
                  const Log& log) noexcept;

}  // namespace ohip
