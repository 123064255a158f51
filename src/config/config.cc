#include "config/config.h"

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <set>
#include <span>

#include "base/error.h"
#include "base/program.h"
#include "base/secrets.h"
#include "base/text.h"
#include "config/command_line.h"
#include "config/config_file.h"
#include "config/kafka_properties.h"
#include "config/layers.h"
#include "config/parse.h"
#include "config/setting.h"
#include "config/url.h"
#include "config/value.h"

namespace ohip {
namespace {

namespace fs = std::filesystem;

constexpr Milliseconds kStreamMessages{60'000};  // within transaction.timeout.ms

void assign(const Setting& setting, const Layers& layers, Config& config) {
  if (setting.assign == nullptr || !setting.is_used()) {
    return;
  }
  if (const auto value = look_up(layers, setting)) {
    on_behalf_of(*value, [&] { setting.assign(config, value->text); });
  }
}

fs::path find_config_file(const Layers& layers, const Environment& environment) {
  Config config;
  assign(*find_setting("OHIP_CONFIG"), layers, config);
  if (!config.config_file.empty()) {
    return config.config_file;
  }
  std::error_code error;  // one that cannot be looked at is there, and fails when it is read
  const bool is_absent =
      fs::status(environment.default_config_file, error).type() == fs::file_type::not_found;
  return is_absent ? fs::path() : environment.default_config_file;
}

void set_properties(const Values& layer, KafkaProperties& properties) {
  std::set<std::string> names;
  for (const auto& [name, value] : layer) {
    names.insert(base_name(name));
  }
  for (const std::string& name : names) {
    const auto property = property_of(name);
    if (const auto value = property ? find(layer, name) : std::nullopt) {
      properties.set(*property, *value);
    }
  }
}

std::map<std::string, std::string> kafka_properties(const Config& config, const Layers& layers,
                                                    const Values& options) {
  const bool stream = program() == Program::kStream;
  KafkaProperties properties(config.kafka_profile, stream ? kStreamMessages : config.deadline);
  if (!config.kafka_config_file.empty()) {
    for (const auto& [property, value] : read_config_file(config.kafka_config_file)) {
      properties.set(property, value);
    }
  }
  std::for_each(layers.rbegin(), layers.rend(),
                [&](const Values& layer) { set_properties(layer, properties); });
  for (const auto& [property, value] : options) {
    properties.set(property, value);
  }
  if (stream && config.kafka_profile == KafkaProfile::kKafka) {
    properties.check_transactional();
  }
  return properties.checked();
}

fs::path default_spool_dir(const Environment& environment) {
  const std::string state = variable(environment, "STATE_DIRECTORY");
  if (!state.empty()) {
    return on_behalf_of(Value{state, "STATE_DIRECTORY"},
                        [&] { return parse_absolute_path(state.substr(0, state.find(':'))); });
  }
  if (environment.root) {
    return "/var/spool/ohip-poll";
  }
  const fs::path xdg_state = variable(environment, "XDG_STATE_HOME");
  if (xdg_state.is_absolute()) {  // else to be ignored, by the XDG Base Directory Specification
    return xdg_state / "ohip-poll";
  }
  const fs::path home = variable(environment, "HOME");
  if (home.is_absolute()) {
    return home / ".local/state/ohip-poll";
  }
  if (program() == Program::kStream) {
    return {};
  }
  fail(ExitStatus::kConfig, "no directory for the spool: set {}", how_to_set("OHIP_SPOOL_DIR"));
}

void need(bool is_set, std::string_view name, std::vector<std::string>& missing) {
  if (!is_set) {
    missing.push_back(how_to_set(name));
  }
}

void need_grant(const Credentials& credentials, std::vector<std::string>& missing) {
  if (credentials.password_grant()) {
    need(!credentials.password.empty(), "OHIP_PASSWORD", missing);
  } else if (credentials.enterprise_id.empty()) {
    missing.emplace_back("OHIP_ENTERPRISE_ID, or else OHIP_USERNAME and OHIP_PASSWORD");
  }
}

bool wants_sasl_password(const std::map<std::string, std::string>& kafka) {
  const auto protocol = kafka.find("security.protocol");
  const auto mechanism = kafka.find("sasl.mechanism");
  return protocol != kafka.end() && lower_case(protocol->second).starts_with("sasl") &&
         mechanism != kafka.end() &&
         (mechanism->second == "PLAIN" || mechanism->second.starts_with("SCRAM"));
}

// The spool says which queues there are.
bool finds_queues(Mode mode) {
  return mode == Mode::kReplay || mode == Mode::kList || mode == Mode::kRequeue;
}

bool uses_kafka(Mode mode) {
  return mode != Mode::kList && mode != Mode::kRequeue;
}

std::vector<std::string> missing_settings(const Config& config) {
  std::vector<std::string> missing;
  if (!uses_kafka(config.mode)) {
    return missing;
  }
  need(config.kafka.contains("bootstrap.servers"), "KAFKA_BOOTSTRAP_SERVERS", missing);
  if (wants_sasl_password(config.kafka)) {
    need(config.kafka.contains("sasl.username"), "KAFKA_SASL_USERNAME", missing);
    need(config.kafka.contains("sasl.password"), "KAFKA_SASL_PASSWORD", missing);
  }
  if (finds_queues(config.mode)) {
    return missing;
  }
  need(!config.gateway.url.empty(), "OHIP_GATEWAY_URL", missing);
  if (program() == Program::kStream) {
    need(!config.chain.empty(), "OHIP_CHAIN", missing);
    need(!config.state_topic.empty(), "OHIP_STATE_TOPIC", missing);
  } else {
    need(!config.external_system.empty(), "OHIP_EXTERNAL_SYSTEM", missing);
    need(!config.hotels.empty(), "OHIP_HOTELS", missing);
  }
  need(!config.credentials.app_key.empty(), "OHIP_APP_KEY", missing);
  need(!config.credentials.client_id.empty(), "OHIP_CLIENT_ID", missing);
  need(!config.credentials.client_secret.empty(), "OHIP_CLIENT_SECRET", missing);
  need_grant(config.credentials, missing);
  return missing;
}

void check_complete(const Config& config, const Environment& environment) {
  const std::vector<std::string> missing = missing_settings(config);
  if (!missing.empty()) {
    const fs::path file =
        config.config_file.empty() ? environment.default_config_file : config.config_file;
    throw Error(ExitStatus::kConfig, fmt::format("not configured: {}", fmt::join(missing, "; ")),
                fmt::format("NAME=value lines in {} will do; see '{} --help'", file.string(),
                            program_name()));
  }
}

// What the spool holds of a hotel that is no longer configured is not forgotten.
void choose_hotels(Config& config, const Options& options) {
  const bool named =
      options.settings.contains("OHIP_HOTELS") || options.settings.contains("OHIP_HOTELS_FILE");
  if (finds_queues(config.mode) && !named) {
    config.hotels.clear();
  }
}

void check_chain(const Config& config, const Layers& layers) {
  if (config.scope == QueueScope::kChain && config.hotels.size() > 1) {
    reject(*look_up(layers, *find_setting("OHIP_QUEUE")),
           fmt::format("a chain's queue is polled with exactly one hotel, here are {}",
                       config.hotels.size()));
  }
}

void choose_shard(Config& config, const Layers& layers, const Environment& environment) {
  if (config.shard.index == Shard::kOpen) {
    const std::string index = variable(environment, "JOB_COMPLETION_INDEX");
    const Value shard = *look_up(layers, *find_setting("OHIP_SHARD"));
    if (index.empty()) {
      reject(shard, "no index before the slash, and JOB_COMPLETION_INDEX is not set");
    }
    config.shard.index = on_behalf_of(Value{index, "JOB_COMPLETION_INDEX"}, [&] {
      return parse_count(index, 0, config.shard.count - 1);
    });
  }
  if (config.scope == QueueScope::kHotel) {
    std::erase_if(config.hotels,
                  [&](const std::string& hotel) { return !config.shard.holds(hotel); });
  } else if (config.shard.count > 1) {
    reject(*look_up(layers, *find_setting("OHIP_SHARD")), "a chain's one queue cannot be shared");
  }
}

// Oracle's limit is the gateway's: where nobody has said what this shard may use, it has its part.
void divide_limit(Config& config, const Layers& layers) {
  if (!is_set(layers, *find_setting("OHIP_MAX_POLLS_PER_MINUTE"))) {
    config.max_polls_per_minute =
        std::max(config.max_polls_per_minute / config.shard.count, 1);  // 0 would be no limit
  }
}

// Hotels of a config file are those that are polled; for a stream they are a person's choice.
void choose_stream(Config& config, Layers& layers, const Options& options) {
  for (Values& layer : std::span(layers).subspan(1)) {
    layer.erase("OHIP_HOTELS");
    layer.erase("OHIP_HOTELS_FILE");
  }
  config.from = options.from;
  if (config.from.empty() && layers.front().contains("OHIP_HOTELS")) {
    reject(layers.front().at("OHIP_HOTELS"),
           "a stream is of all hotels: some alone can only be replayed, with --from OFFSET");
  }
}

// The topic itself will do, where it is one.
void choose_state_topic(Config& config) {
  if (config.state_topic.empty() && config.topic.find('{') == std::string::npos) {
    config.state_topic = config.topic;
  }
}

// --run-for is its run's whole time.
void choose_mode(Config& config, const Options& options) {
  const bool run_for = config.run_for.count() > 0 || program() == Program::kStream;
  config.mode = options.mode.value_or(run_for ? Mode::kRunFor : Mode::kOnce);
  if (config.mode == Mode::kRunFor && program() == Program::kPoll) {
    config.deadline = config.run_for;
  }
}

// Who lists the processes of the machine reads their command lines.
void check_no_password(const Config& config, const Options& options) {
  const auto option = options.settings.find("OHIP_PUSHGATEWAY_URL");
  if (option != options.settings.end() && !url_password(config.pushgateway_url).empty()) {
    reject(option->second, "no password on the command line; set OHIP_PUSHGATEWAY_URL");
  }
}

// libcurl would not use HTTPS_PROXY for http, which is to this machine.
void drop_needless_proxy(Config& config) {
  if (!config.gateway.url.starts_with("https:")) {
    config.proxy.clear();
  }
}

// So that nobody's echo of them is ever shown. Who knows the watchdog's URL can send false pings.
void keep_secrets(const Config& config) {
  const Credentials& c = config.credentials;
  keep_secret(c.client_secret);
  keep_secret(c.app_key);
  keep_secret(c.password);
  keep_secret(proxy_password(config.proxy));
  keep_secret(config.ping_url);
  keep_secret(url_password(config.pushgateway_url));
  for (const auto& [property, value] : config.kafka) {
    if (is_secret(property)) {
      keep_secret(value);
    }
  }
}

}  // namespace

bool Shard::holds(const std::string& hotel) const {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : hotel) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  }
  return hash % static_cast<std::uint64_t>(count) == static_cast<std::uint64_t>(index);
}

Environment process_environment() {
  Environment environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const std::size_t equals = text.find('=');
    if (equals != std::string::npos) {
      environment.variables.emplace(text.substr(0, equals), text.substr(equals + 1));
    }
  }
  environment.root = geteuid() == 0;
  return environment;
}

Config load_config(const Options& options, const Environment& environment) {
  Layers layers = {options.settings, environment_values(environment),
                   credential_values(environment)};
  const fs::path config_file = find_config_file(layers, environment);
  layers.back() = file_values(config_file);

  Config config;
  config.log_level = options.log_level;
  if (program() == Program::kStream) {
    choose_stream(config, layers, options);
  }
  for (const Setting& setting : settings()) {
    assign(setting, layers, config);
  }
  config.config_file = config_file;
  check_no_password(config, options);
  choose_mode(config, options);
  config.requeue = options.requeue;
  choose_hotels(config, options);
  if (uses_kafka(config.mode)) {
    config.kafka = kafka_properties(config, layers, options.properties);
  }
  keep_secrets(config);
  choose_state_topic(config);
  config.spool_dir_named = !config.spool_dir.empty();
  if (config.spool_dir.empty()) {
    config.spool_dir = default_spool_dir(environment);
  }
  drop_needless_proxy(config);
  check_complete(config, environment);
  if (program() == Program::kPoll) {
    check_chain(config, layers);
    choose_shard(config, layers, environment);
    divide_limit(config, layers);
  }
  return config;
}

}  // namespace ohip
