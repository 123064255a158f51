#include "bench/stage.h"

#include <fmt/format.h>
#include <rapidjson/document.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace ohip::bench {
namespace fs = std::filesystem;
namespace {

constexpr const char* kTopic = "ohip.business-events";
constexpr int kPartitions = 4;

std::vector<std::string> ohip_sim(const std::vector<std::string>& options, const fs::path& to) {
  std::vector<std::string> words = {OHIP_SIM, "--env-file", to / "env", "--ca-file", to / "ca.pem"};
  words.insert(words.end(), options.begin(), options.end());
  return words;
}

// NAME=value, a line each.
test::Environment read_environment(const fs::path& path) {
  test::Environment environment;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const std::size_t equals = line.find('=');
    environment[line.substr(0, equals)] = line.substr(equals + 1);
  }
  return environment;
}

void forget_tokens(const fs::path& spool) {
  for (const auto& entry : fs::directory_iterator(spool)) {
    if (entry.path().filename().string().starts_with(".token")) {
      fs::remove(entry.path());
    }
  }
}

}  // namespace

test::Broker* real_kafka() {
  if (std::getenv("OHIP_POLL_KAFKA_VERSION") == nullptr) {
    fmt::print("\nwithout a real Kafka: scripts/bench fetches one where Maven Central answers\n");
    return nullptr;
  }
  return &test::broker();
}

Stage::Stage(const std::vector<std::string>& ohip_sim_options, test::Broker* real_kafka)
    : ohip_(ohip_sim(ohip_sim_options, directory_.path()), directory_.path()) {
  environment = read_environment(directory_ / "env");
  environment.insert({{"PATH", "/usr/bin:/bin"},
                      {"OHIP_HOTELS", kHotel},
                      {"OHIP_SPOOL_DIR", directory_ / "spool"},
                      {"OHIP_MAX_POLLS_PER_MINUTE", "0"},
                      {"OHIP_DEADLINE", "10m"}});
  if (real_kafka != nullptr) {
    environment["KAFKA_BOOTSTRAP_SERVERS"] = real_kafka->plaintext();
    environment["KAFKA_TOPIC"] = real_kafka->new_topic(kTopic, kPartitions);
  } else {
    kafka_sim_.emplace(
        std::vector<std::string>{KAFKA_SIM, "--topic", fmt::format("{}:{}", kTopic, kPartitions)},
        directory_.path());
    environment["KAFKA_BOOTSTRAP_SERVERS"] = kafka_sim_->where();
    environment["KAFKA_TOPIC"] = kTopic;
  }
}

Sample Stage::poll(std::vector<std::string> arguments, const std::string& program) {
  arguments.insert(arguments.begin(), {program, "--quiet"});
  return measure(arguments, environment);
}

void Stage::refill(std::size_t events) const {
  admin({"-X", "POST",
         fmt::format("{}/sim/events?hotel={}&count={}", ohip_.where(), kHotel, events)});
}

void Stage::forget_token() const {
  forget_tokens(environment.at("OHIP_SPOOL_DIR"));
}

Counters Stage::counters() const {
  rapidjson::Document document;
  document.Parse(admin({ohip_.where() + "/sim/stats"}).out.c_str());
  const rapidjson::Document& stats = document;
  Counters counters{stats["polls"].GetUint64(), stats["throttled"].GetUint64(), 0};
  for (const auto& queue : stats["queues"].GetObject()) {
    counters.handed_out += queue.value["handedOut"].GetUint64();
  }
  return counters;
}

void Stage::expect_all_delivered(std::size_t spooled) const {
  const std::size_t expected = counters().handed_out + spooled;
  const std::size_t found = stored();
  if (found != expected) {
    throw std::runtime_error(
        fmt::format("{} events were handed out, {} are in Kafka", expected, found));
  }
}

// By the partitions' ends: kafka-sim forgets what is older than 5 MB.
std::size_t Stage::stored() const {
  std::vector<std::string> words = {KCAT_PROGRAM, "-Q", "-b",
                                    environment.at("KAFKA_BOOTSTRAP_SERVERS")};
  for (int partition = 0; partition < kPartitions; ++partition) {
    words.insert(words.end(),
                 {"-t", fmt::format("{}:{}:-1", environment.at("KAFKA_TOPIC"), partition)});
  }
  std::istringstream lines(test::run(words, {}).out);
  std::size_t records = 0;
  for (std::string line; std::getline(lines, line);) {
    records += std::stoul(line.substr(line.rfind(' ') + 1));
  }
  return records;
}

test::Result Stage::admin(const std::vector<std::string>& arguments) const {
  std::vector<std::string> words = {CURL_PROGRAM, "-fsSk"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  test::Result result = test::run(words, {});
  if (result.status != 0) {
    throw std::runtime_error("curl: " + result.err);
  }
  return result;
}

}  // namespace ohip::bench
