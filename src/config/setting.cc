#include "config/setting.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "config/parse.h"
#include "config/url.h"

namespace ohip {
namespace {

std::string readable_file(const std::string& path) {
  if (access(path.c_str(), R_OK) != 0) {
    fail_errno(ExitStatus::kConfig, "open", path);
  }
  return path;
}

KafkaProfile parse_profile(const std::string& text) {
  if (text != "kafka" && text != "oci-streaming") {
    fail(ExitStatus::kConfig, "{} is neither kafka nor oci-streaming", shown(text));
  }
  return text == "kafka" ? KafkaProfile::kKafka : KafkaProfile::kOciStreaming;
}

bool parse_report(const std::string& text) {
  if (text != "json") {
    fail(ExitStatus::kConfig, "{} is not json", shown(text));
  }
  return true;
}

LogFormat parse_log_format(const std::string& text) {
  if (text != "text" && text != "json") {
    fail(ExitStatus::kConfig, "{} is neither text nor json", shown(text));
  }
  return text == "json" ? LogFormat::kJson : LogFormat::kText;
}

using Text = const std::string&;

constexpr std::array kSettings = {
    Setting{"OHIP_GATEWAY_URL", "gateway-url", "URL", "", kOhipGroup,
            "OHIP's gateway, as the developer portal shows it",
            [](Config& c, Text text) { c.gateway = parse_gateway_url(text); }},
    Setting{"OHIP_EXTERNAL_SYSTEM", "external-system", "CODE", "", kOhipGroup,
            "the external system whose events are taken",
            [](Config& c, Text text) { c.external_system = parse_code(text); }, Use::kPoll},
    Setting{"OHIP_HOTELS", "hotel", "CODE", "", kOhipGroup,
            "a hotel; may be repeated, or be a comma list",
            [](Config& c, Text text) { c.hotels = parse_hotels(text); }, Use::kBoth,
            "with --from: events of this hotel alone, again; may be repeated, or be a comma list"},
    Setting{"OHIP_HOTELS_FILE", "hotels-file", "FILE", "", kOhipGroup,
            "hotels, by line or comma; # begins a comment", nullptr, Use::kPoll},
    Setting{
        "OHIP_QUEUE", "queue", "hotel|chain", "hotel", kOhipGroup,
        "each hotel's own queue, or the one queue of the external system; for that one, --hotel "
        "names any one of its hotels",
        [](Config& c, Text text) { c.scope = parse_scope(text); }, Use::kPoll},
    Setting{"OHIP_LIMIT", "limit", "N", "20", kOhipGroup, "events per poll, 1 to 20",
            [](Config& c, Text text) { c.limit = parse_limit(text); }, Use::kPoll},
    Setting{"OHIP_MAX_POLLS_PER_MINUTE", "max-polls-per-minute", "N", "300", kOhipGroup,
            "of all queues together, evenly spaced, never above 50 requests a second; 0: no limit; "
            "the default is divided among shards, what is given is this run's own",
            [](Config& c, Text text) { c.max_polls_per_minute = parse_count(text, 0, 3'000); },
            Use::kPoll},
    Setting{"OHIP_EXTERNAL_DATA", "external-data", "", "false", kOhipGroup,
            "ask for data value mappings too",
            [](Config& c, Text text) { c.external_data = parse_bool(text); }, Use::kPoll},
    Setting{"OHIP_CHAIN", "chain", "CODE", "", kOhipGroup, "the chain whose events are streamed",
            [](Config& c, Text text) { c.chain = parse_line(text); }, Use::kStream},
    Setting{"OHIP_DELTA", "delta", "", "false", kOhipGroup, "only elements that changed",
            [](Config& c, Text text) { c.delta = parse_bool(text); }, Use::kStream},
    Setting{"OHIP_STREAM_PATH", "", "", "/subscriptions", "",
            "the web socket's path at the gateway",
            [](Config& c, Text text) { c.stream_path = parse_path(text); }, Use::kStream},
    Setting{"OHIP_CA_FILE", "ca-file", "FILE", "", kOhipGroup,
            "PEM file with the CA certificates for the gateway, in place of the system's",
            [](Config& c, Text text) { c.ca_file = readable_file(text); }},

    Setting{"KAFKA_BOOTSTRAP_SERVERS", "b,brokers", "LIST", "", kKafkaGroup,
            "host:port of a few brokers, by comma", nullptr},
    Setting{"KAFKA_TOPIC", "topic", "NAME", "ohip.business-events", kKafkaGroup,
            "the topic; may hold {module} and {hotel}",
            [](Config& c, Text text) { c.topic = parse_topic(text); }},
    Setting{"OHIP_STATE_TOPIC", "state-topic", "NAME", "", kKafkaGroup,
            "the topic, empty perhaps, whose committed offset holds the position; else the topic",
            [](Config& c, Text text) { c.state_topic = parse_state_topic(text); }, Use::kStream},
    Setting{"KAFKA_PROFILE", "kafka-profile", "NAME", "kafka", kKafkaGroup,
            "kafka, or oci-streaming for what OCI Streaming needs to be different",
            [](Config& c, Text text) { c.kafka_profile = parse_profile(text); }},
    Setting{"KAFKA_CONFIG", "kafka-config", "FILE", "", kKafkaGroup,
            "librdkafka properties, property=value by line, as kcat -F",
            [](Config& c, Text text) { c.kafka_config_file = readable_file(text); }},

    Setting{
        "OHIP_CONFIG", "config", "FILE", "", kRunGroup,
        "NAME=value lines with the names shown here; else /etc/ohip-poll/ohip-poll.env if there "
        "is one",
        [](Config& c, Text text) { c.config_file = readable_file(text); }},
    Setting{
        "OHIP_SPOOL_DIR", "spool-dir", "DIR", "", kRunGroup,
        "keeps what Kafka has not yet acknowledged; else $STATE_DIRECTORY, as root "
        "/var/spool/ohip-poll, or ~/.local/state/ohip-poll",
        [](Config& c, Text text) { c.spool_dir = parse_absolute_path(text); }, Use::kBoth,
        "for the lock, the cached token and events that Kafka refuses; needed for nothing else"},
    Setting{"OHIP_JOBS", "jobs", "N", "8", kRunGroup, "queues at a time",
            [](Config& c, Text text) { c.jobs = parse_count(text, 1, 256); }, Use::kPoll},
    Setting{"OHIP_SHARD", "shard", "I/N", "0/1", kRunGroup,
            "of N runs that share the hotels this is number I, from 0; /N takes I from "
            "$JOB_COMPLETION_INDEX (Kubernetes)",
            [](Config& c, Text text) { c.shard = parse_shard(text); }, Use::kPoll},
    Setting{
        "OHIP_RUN_FOR", "run-for", "TIME", "", kRunGroup,
        "drain, then poll again every --interval until the time is over; in place of --deadline",
        [](Config& c, Text text) { c.run_for = parse_duration(text); }, Use::kBoth,
        "end the subscription after that time; else shortly before the access token ends"},
    Setting{"OHIP_INTERVAL", "interval", "MIN[..MAX]", "5s", kRunGroup,
            "from poll to poll of an empty queue; 5s..60s: twice as long each time it is found "
            "empty, the first again after events",
            [](Config& c, Text text) { c.interval = parse_interval(text); }, Use::kPoll},
    Setting{"OHIP_DEADLINE", "deadline", "TIME", "50s", kRunGroup,
            "nothing new is begun after it: 50s, 2m, 500ms",
            [](Config& c, Text text) { c.deadline = parse_duration(text); }, Use::kPoll},
    Setting{"OHIP_POLL_TIMEOUT", "poll-timeout", "TIME", "120s", kRunGroup,
            "how long one poll may take",
            [](Config& c, Text text) { c.poll_timeout = parse_duration(text); }, Use::kPoll},
    Setting{"OHIP_REPORT", "report", "json", "", kRunGroup,
            "print what was done, as one JSON object on stdout",
            [](Config& c, Text text) { c.report_json = parse_report(text); }},
    Setting{"OHIP_METRICS_FILE", "metrics-file", "FILE", "", kRunGroup,
            "write metrics for Prometheus there (node_exporter's textfile collector, *.prom)",
            [](Config& c, Text text) { c.metrics_file = parse_absolute_path(text); }},
    Setting{"OHIP_PUSHGATEWAY_URL", "pushgateway-url", "URL", "", kRunGroup,
            "push the metrics to a Prometheus Pushgateway when the run ends",
            [](Config& c, Text text) { c.pushgateway_url = parse_pushgateway_url(text); },
            Use::kBoth, "push the metrics to a Prometheus Pushgateway, every 15 seconds"},
    Setting{"OHIP_ALERT_AFTER", "alert-after", "TIME", "", kRunGroup,
            "statuses 69 and 75 are no failure before they have lasted that long",
            [](Config& c, Text text) { c.alert_after = parse_duration(text); }, Use::kBoth,
            "status 69 is no failure before it has lasted that long"},
    Setting{"OHIP_PING_URL", "ping-url", "URL", "", kRunGroup,
            "tell a watchdog that speaks healthchecks.io's protocol when the run begins and ends",
            [](Config& c, Text text) { c.ping_url = parse_url(text); }},
    Setting{"OHIP_LOG_FORMAT", "log-format", "text|json", "text", kRunGroup, "of what is printed",
            [](Config& c, Text text) { c.log_format = parse_log_format(text); }},

    Setting{"OHIP_APP_KEY", "", "", "", "", "the application's key, a UUID",
            [](Config& c, Text text) { c.credentials.app_key = parse_uuid(text); }},
    Setting{"OHIP_CLIENT_ID", "", "", "", "", "the OAuth client's id",
            [](Config& c, Text text) { c.credentials.client_id = parse_line(text); }},
    Setting{"OHIP_CLIENT_SECRET", "", "", "", "", "and its secret",
            [](Config& c, Text text) { c.credentials.client_secret = parse_line(text); }},
    Setting{"OHIP_ENTERPRISE_ID", "", "", "", "", "selects the grant client_credentials",
            [](Config& c, Text text) { c.credentials.enterprise_id = parse_line(text); }},
    Setting{"OHIP_SCOPE", "", "", "urn:opc:hgbu:ws:__myscopes__", "", "its scope",
            [](Config& c, Text text) { c.credentials.scope = parse_line(text); }},
    Setting{"OHIP_USERNAME", "", "", "", "", "selects the grant password instead",
            [](Config& c, Text text) { c.credentials.username = parse_line(text); }},
    Setting{"OHIP_PASSWORD", "", "", "", "", "goes with the user name",
            [](Config& c, Text text) { c.credentials.password = parse_line(text); }},
    Setting{"HTTPS_PROXY", "", "", "", "", "proxy to the gateway, as curl has it",
            [](Config& c, Text text) { c.proxy = parse_proxy(parse_line(text)); }},
    Setting{"NO_PROXY", "", "", "", "", "hosts to be reached without it, by comma",
            [](Config& c, Text text) { c.no_proxy = parse_line(text); }},
};

// Levenshtein's.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t substituted = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({substituted, diagonal + 1, row[j] + 1});
    }
  }
  return row.at(b.size());
}

}  // namespace

std::span<const Setting> settings() {
  return kSettings;
}

const Setting* find_setting(std::string_view name) {
  const auto* const found = std::find_if(kSettings.begin(), kSettings.end(),
                                         [&](const Setting& s) { return s.name == name; });
  return found == kSettings.end() ? nullptr : found;
}

std::string how_to_set(std::string_view name) {
  const Setting* setting = find_setting(name);
  return setting == nullptr || setting->option.empty()
             ? std::string(name)
             : fmt::format("--{} or {}", setting->long_option(), setting->name);
}

std::string_view nearest_name(std::string_view misspelt) {
  constexpr std::size_t kNear = 3;
  const auto nearer = [&](const Setting& a, const Setting& b) {
    return distance(a.name, misspelt) < distance(b.name, misspelt);
  };
  const auto* const nearest = std::min_element(kSettings.begin(), kSettings.end(), nearer);
  return distance(nearest->name, misspelt) <= kNear ? nearest->name : "";
}

}  // namespace ohip
