#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/login.h"

namespace ohip {

struct Options;

// kRunFor of ohip-stream without a time: until the access token ends.
enum class Mode { kOnce, kDrain, kRunFor, kCheck, kReplay, kList, kRequeue };
enum class QueueScope { kHotel, kChain };
enum class KafkaProfile { kKafka, kOciStreaming };

struct Gateway {
  std::string url;   // scheme, host, port and path, without a trailing slash
  std::string host;  // lower case, without the port
  // What tells it from every other gateway, in the spool and in what is published: the URL without
  // https://, so the host alone for most.
  std::string name = {};
};

struct Credentials {
  std::string client_id;
  std::string client_secret;
  std::string app_key;
  std::string enterprise_id;  // client_credentials grant
  std::string scope;
  std::string username;  // not empty: password grant
  std::string password;

  bool password_grant() const { return !username.empty(); }
};

// Which of the hotels are this run's: those whose code's FNV-1a hash (64 bit), modulo count, is
// index.
struct Shard {
  static constexpr int kOpen = -1;  // Kubernetes tells, in $JOB_COMPLETION_INDEX

  int index = 0;
  int count = 1;

  bool holds(const std::string& hotel) const;
};

// From look to look at a queue: the shortest after events, twice as long each time it is found
// empty, up to the longest.
struct Interval {
  Milliseconds shortest{5'000};
  Milliseconds longest = shortest;

  bool adapts() const { return shortest < longest; }
};

// Everything a run needs to know; made once, checked, never changed.
struct Config {
  Mode mode = Mode::kOnce;
  QueueScope scope = QueueScope::kHotel;
  std::vector<std::string> requeue;   // files in quarantine, or "all"
  std::filesystem::path config_file;  // the one that was read, empty: none
  // Of this shard. Where the spool says which queues there are (kReplay, kList, kRequeue): those
  // that the command line names, and empty stands for all.
  std::vector<std::string> hotels;
  Shard shard;
  std::string external_system;
  std::string chain;        // what follows is ohip-stream's
  std::string from;         // "highest" or an offset; empty: from the position
  std::string stream_path;  // of the web socket
  std::string state_topic;  // whose committed offset holds the position
  Gateway gateway;
  Credentials credentials;
  std::string ca_file;   // roots the gateway is verified against; empty: the system's
  std::string proxy;     // for the gateway, in libcurl's notation; empty: none. May be secret.
  std::string no_proxy;  // hosts that are reached without it
  std::shared_ptr<Login> proxy_login = std::make_shared<Login>();  // of all who use it in this run
  bool external_data = false;      // ask OHIP for data value mappings
  bool delta = false;              // stream only elements that changed
  int limit = 20;                  // events per poll
  int jobs = 8;                    // queues at a time
  int max_polls_per_minute = 300;  // of this shard; 0: no limit
  std::string topic;               // may hold {module} and {hotel}
  KafkaProfile kafka_profile = KafkaProfile::kKafka;
  std::filesystem::path kafka_config_file;  // empty: none
  // Properties for librdkafka: our defaults, the profile's and the user's. No property is here
  // under two names.
  std::map<std::string, std::string> kafka;
  std::filesystem::path spool_dir;  // absolute; ohip-stream may have none
  Milliseconds deadline{50'000};
  Milliseconds run_for{0};  // 0: not set
  Interval interval;
  Milliseconds poll_timeout{120'000};
  LogLevel log_level = LogLevel::kWarning;
  LogFormat log_format = LogFormat::kText;
  bool report_json = false;            // on stdout, at the end
  bool spool_dir_named = false;        // by the user, who relies on it
  std::filesystem::path metrics_file;  // empty: none
  std::string ping_url;                // empty: none; whoever knows it can send false pings
  std::string pushgateway_url;         // empty: none; may hold a password
  Milliseconds alert_after{0};         // how long unavailability is no failure
};

// What a configuration is made from besides the command line.
struct Environment {
  std::map<std::string, std::string> variables;
  std::filesystem::path default_config_file = "/etc/ohip-poll/ohip-poll.env";  // need not exist
  bool root = false;
};

Environment process_environment();

// Option over environment over $CREDENTIALS_DIRECTORY over config file over default. Throws Error:
// kUsage for what is wrong on the command line, else kConfig; what is missing is told all at once.
Config load_config(const Options& options, const Environment& environment);

}  // namespace ohip
