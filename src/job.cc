#include "job.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "forwarder.h"
#include "http_client.h"
#include "oauth.h"
#include "poll_source.h"
#include "publisher.h"
#include "spool.h"

namespace ohip {
namespace {

// A problem, and the queues that have it: a thousand hotels behind one dead broker are one line.
struct Finding {
  Error error;
  std::vector<std::string> queues;
};

class Findings {
 public:
  void add(const std::string& queue, const Error& error) {
    status_ = more_serious(status_, error.status());
    const auto same = std::find_if(findings_.begin(), findings_.end(), [&](const Finding& known) {
      return std::string_view(known.error.what()) == error.what();
    });
    if (same == findings_.end()) {
      findings_.push_back({error, {queue}});
    } else {
      same->queues.push_back(queue);
    }
  }

  void print(const Log& log) const {
    for (const Finding& finding : findings_) {
      log.error(finding.error, subject(finding.queues) + ": ");
    }
  }

  ExitStatus status() const { return status_; }

 private:
  static std::string subject(const std::vector<std::string>& queues) {
    constexpr std::size_t kNamed = 3;
    const std::size_t named = std::min(queues.size(), kNamed);
    const std::string names = fmt::format(
        "{}", fmt::join(queues.begin(), queues.begin() + static_cast<std::ptrdiff_t>(named), ", "));
    return named == queues.size() ? names
                                  : fmt::format("{} and {} more", names, queues.size() - named);
  }

  std::vector<Finding> findings_;
  ExitStatus status_ = ExitStatus::kOk;
};

class Job {
 public:
  Job(const Config& config, Clock& clock, const Stop& stop, const Log& log)
      : config_(config),
        clock_(clock),
        stop_(stop),
        log_(log),
        deadline_(clock, config.deadline),
        publisher_(config.kafka, log),
        http_(config.ca_file, config.proxy, config.no_proxy),
        oauth_(config.gateway, config.credentials, config.spool_dir, http_, clock, deadline_) {}

  ExitStatus run() {
    for (const QueueName& queue : queues()) {
      if (stop_.requested()) {
        break;
      }
      const std::string label = name(queue);
      try {
        run_queue(queue, label);
      } catch (const Error& error) {
        findings_.add(label, error);
      }
    }
    findings_.print(log_);
    return findings_.status();
  }

 private:
  std::vector<QueueName> queues() const {
    if (config_.mode == Mode::kReplay) {
      return pending_queues();
    }
    std::vector<QueueName> queues;
    const bool chain = config_.scope == QueueScope::kChain;
    for (const std::string& hotel : config_.hotels) {
      queues.push_back({config_.gateway.host, config_.external_system,
                        chain ? std::string(kChainQueue) : hotel});
    }
    return queues;
  }

  // Those of the named hotels, or all.
  std::vector<QueueName> pending_queues() const {
    std::vector<QueueName> queues = Spool::pending_queues(config_.spool_dir);
    const auto& wanted = config_.hotels;
    std::erase_if(queues, [&](const QueueName& queue) {
      return !wanted.empty() &&
             std::find(wanted.begin(), wanted.end(), queue.hotel) == wanted.end();
    });
    return queues;
  }

  static std::string name(const QueueName& queue) {
    return queue.hotel == kChainQueue ? "chain queue of " + queue.external_system
                                      : "hotel " + queue.hotel;
  }

  void run_queue(const QueueName& queue, const std::string& label) {
    std::optional<Spool> spool = Spool::open(config_.spool_dir, queue);
    if (!spool) {
      log_.info("{}: another run holds the queue", label);
      return;
    }
    Forwarder forwarder(*spool, publisher_,
                        {queue.gateway_host, queue.external_system, config_.topic},
                        static_cast<std::size_t>(config_.limit), deadline_, stop_);
    if (forwarder.recover() && config_.mode != Mode::kReplay) {
      poll(forwarder, queue);
    }
    report(label, forwarder.report());
  }

  void poll(Forwarder& forwarder, const QueueName& queue) {
    const std::string& hotel =
        config_.scope == QueueScope::kChain ? config_.hotels.front() : queue.hotel;
    PollSource source(config_, hotel, http_, oauth_, clock_, deadline_);
    forwarder.forward(source, config_.mode == Mode::kDrain);
  }

  void report(const std::string& label, const QueueReport& report) {
    for (const Error& problem : report.problems) {
      findings_.add(label, problem);
    }
    log_.info("{}: {} taken, {} delivered, {} quarantined, {}", label, report.taken,
              report.delivered, report.quarantined, plural(report.polls, "poll", "polls"));
  }

  const Config& config_;
  Clock& clock_;
  const Stop& stop_;
  const Log& log_;
  Deadline deadline_;
  KafkaPublisher publisher_;
  CurlHttpClient http_;
  OAuth oauth_;
  Findings findings_;
};

}  // namespace

ExitStatus run_job(const Config& config, Clock& clock, const Stop& stop, const Log& log) {
  return Job(config, clock, stop, log).run();
}

}  // namespace ohip
