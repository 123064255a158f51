// How long a run takes that gets a token, polls 20 events and publishes them, over TLS to the
// gateway and SASL_SSL to an Apache Kafka, both trusted through the system's roots:
//   tests/kafka/cluster/suite 4.4.0 build/kafka_timing [program …]
// Several programs are timed in turn. Needs root, for a /etc/ssl/certs of its own.

#include <fmt/format.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <list>
#include <sstream>
#include <stdexcept>
#include <utility>
#include <vector>

#include "kafka/cluster/broker.h"
#include "kafka/cluster/installation.h"
#include "kafka/cluster/relay.h"
#include "kafka/cluster/settings.h"

using namespace ohip::test;
namespace fs = std::filesystem;

namespace {

constexpr int kRuns = 25;
constexpr std::chrono::milliseconds kFar{20};
constexpr const char* kTrust = "/etc/ssl/certs";

// Makes the system trust these certificates, for this thread and the programs that it starts.
class Trust {
 public:
  explicit Trust(const std::vector<std::string>& pems) {
    shell(fmt::format("cp -a {}/. {}", kTrust, directory_.path().string()));
    std::ofstream bundle(directory_ / "ca-certificates.crt", std::ios::app);
    for (std::size_t i = 0; i < pems.size(); ++i) {
      bundle << pems[i];
      std::ofstream(directory_ / fmt::format("test-{}.pem", i)) << pems[i];
    }
    bundle.close();
    shell(fmt::format("openssl rehash {}", directory_.path().string()));
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", nullptr, MS_REC | MS_PRIVATE, "") != 0 ||
        mount(directory_.path().c_str(), kTrust, nullptr, MS_BIND, "") != 0) {
      throw std::runtime_error("cannot mount over /etc/ssl/certs: root may");
    }
  }
  ~Trust() { umount(kTrust); }
  Trust(const Trust&) = delete;
  Trust& operator=(const Trust&) = delete;

 private:
  static void shell(const std::string& command) {
    const Result result = run({"/bin/sh", "-c", command}, {{"PATH", variable("PATH")}});
    if (result.status != 0) {
      throw std::runtime_error(command + ": " + result.err);
    }
  }

  TemporaryDirectory directory_;
};

std::string content(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

double cpu_ms() {
  rusage usage = {};
  getrusage(RUSAGE_CHILDREN, &usage);
  const auto ms = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_usec) / 1e3;
  };
  return ms(usage.ru_utime) + ms(usage.ru_stime);
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

double least(const std::vector<double>& values) {
  return *std::min_element(values.begin(), values.end());
}

// A gateway and a Kafka so far away.
struct Site {
  explicit Site(std::chrono::milliseconds round_trip)
      : far(round_trip.count() > 0),
        gateway_relay(round_trip),
        kafka_relay(round_trip),
        broker(far ? kafka_relay.port() : std::uint16_t{0}),
        topic(broker.new_topic("ohip.timing", 1)) {
    gateway_relay.lead_to(
        static_cast<std::uint16_t>(std::stoi(ohip.url().substr(ohip.url().rfind(':') + 1))));
    kafka_relay.lead_to(broker.sasl_ssl_port());
  }

  Environment settings(const std::string& spool) const {
    const auto at = [](std::uint16_t port) { return fmt::format("127.0.0.1:{}", port); };
    return with({{"OHIP_SPOOL_DIR", spool},
                 {"OHIP_GATEWAY_URL", far ? "https://" + at(gateway_relay.port()) : ohip.url()},
                 {"KAFKA_BOOTSTRAP_SERVERS", far ? at(kafka_relay.port()) : broker.sasl_ssl()},
                 {"KAFKA_TOPIC", topic},
                 {"KAFKA_SECURITY_PROTOCOL", "SASL_SSL"},
                 {"KAFKA_SASL_MECHANISM", "PLAIN"},
                 {"KAFKA_SASL_USERNAME", kPlainUser},
                 {"KAFKA_SASL_PASSWORD", kPlainPassword},
                 // Debian's OpenSSL has a directory of roots alone.
                 {"SSL_CERT_FILE", spool + "/none"}},
                gateway(ohip));
  }

  bool far;
  Relay gateway_relay;
  Relay kafka_relay;
  ohip::sim::Simulator ohip{[] {
    ohip::sim::Options options;
    options.tls = true;
    return options;
  }()};
  Broker broker;
  std::string topic;
};

struct Series {
  std::vector<double> wall;
  std::vector<double> cpu;
};

void forget_token(const fs::path& spool) {
  for (const auto& entry : fs::directory_iterator(spool)) {
    if (entry.path().filename().string().starts_with(".token")) {
      fs::remove(entry.path());
    }
  }
}

// One run of a program; its spool holds the token of the run before.
class Installed {
 public:
  explicit Installed(std::string program) : program_(std::move(program)) {}

  void time(Site& site, bool cold, Series& series) const {
    if (cold) {
      forget_token(spool_.path());
    }
    site.ohip.enqueue(kHotel, 20);
    const double cpu = cpu_ms();
    const auto begin = std::chrono::steady_clock::now();
    const Result result = run({program_, "--hotel", kHotel}, site.settings(spool_.path().string()));
    const std::chrono::duration<double, std::milli> wall = std::chrono::steady_clock::now() - begin;
    if (result.status != 0 || site.ohip.stats().queues[kHotel].outstanding != 0) {
      throw std::runtime_error(fmt::format("{}: {}: {}", program_, result.status, result.err));
    }
    series.wall.push_back(wall.count());
    series.cpu.push_back(cpu_ms() - cpu);
  }

 private:
  std::string program_;
  TemporaryDirectory spool_;
};

void time_all(const std::vector<std::string>& programs) {
  Site near({});
  Site far(kFar);
  const Trust trust({near.ohip.ca_pem(), far.ohip.ca_pem(), content(near.broker.file("ca.pem")),
                     content(far.broker.file("ca.pem"))});
  fmt::print(
      "medians of {} runs: wall and CPU on this machine; with round trips of {} ms: wall, "
      "how many they are, their share\n",
      kRuns, kFar.count());
  for (const bool cold : {true, false}) {
    std::vector<std::pair<Series, Series>> all(programs.size());
    std::list<Installed> installed_near(programs.begin(), programs.end());
    std::list<Installed> installed_far(programs.begin(), programs.end());
    for (int i = -1; i < kRuns; ++i) {
      auto series = all.begin();
      auto there = installed_far.begin();
      for (const Installed& here : installed_near) {
        Series warm_up;
        here.time(near, cold, i < 0 ? warm_up : series->first);
        (there++)->time(far, cold, i < 0 ? warm_up : series->second);
        ++series;
      }
    }
    for (std::size_t i = 0; i < programs.size(); ++i) {
      const double wall = median(all[i].first.wall);
      const double wall_far = median(all[i].second.wall);
      // The fastest runs: others waited for a processor, too.
      const double trips = (least(all[i].second.wall) - least(all[i].first.wall)) /
                           static_cast<double>(kFar.count());
      fmt::print("{:<28} {:<10} {:>6.1f} ms {:>6.1f} ms CPU | {:>6.1f} ms {:>5.1f} {:>4.0f} %\n",
                 programs[i], cold ? "new token" : "old token", wall, median(all[i].first.cpu),
                 wall_far, trips, 100 * trips * static_cast<double>(kFar.count()) / wall_far);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const std::vector<std::string> given(argv + 1, argv + argc);
    time_all(given.empty() ? std::vector<std::string>{OHIP_POLL_PROGRAM} : given);
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "kafka_timing: {}\n", error.what());
    return 1;
  }
}
