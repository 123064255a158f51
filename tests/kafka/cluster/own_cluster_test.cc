// A cluster of the user's: KAFKA_BOOTSTRAP_SERVERS=… KAFKA_TOPIC=… build/real_kafka_test '[own]'.
// The topic must exist; 20 invented events are left in it.

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>

#include "kafka/cluster/account.h"
#include "kafka/cluster/installation.h"
#include "support/catch.h"

using namespace ohip::test;

namespace {

// The KAFKA_… of this process.
Environment settings() {
  Environment settings;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string text = *variable;
    if (text.rfind("KAFKA_", 0) == 0) {
      settings[text.substr(0, text.find('='))] = text.substr(text.find('=') + 1);
    }
  }
  return settings;
}

// KAFKA_SASL_USERNAME=x as kcat's option sasl.username=x.
std::vector<std::string> for_kcat(const Environment& settings) {
  std::vector<std::string> options;
  for (const auto& [name, value] : settings) {
    std::string property = name.substr(6);
    for (char& c : property) {
      c = c == '_' ? '.' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
    if (property != "topic" && property != "profile" && property != "bootstrap.servers") {
      options.insert(options.end(), {"-X", fmt::format("{}={}", property, value)});
    }
  }
  return options;
}

}  // namespace

TEST_CASE("a cluster of the user's own takes events", "[.own]") {
  const Environment kafka = settings();
  Installation installation(kafka);
  installation.ohip().enqueue(kHotel, 20);
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const Result result = installation.run();
  CHECK(result.err.empty());
  REQUIRE(result.status == 0);
  std::vector<std::string> options = for_kcat(kafka);
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  options.insert(options.end(), {"-o", "s@" + std::to_string(ms)});
  const Account account =
      settle(installation.handed_out(),
             consume(kafka.at("KAFKA_BOOTSTRAP_SERVERS"), kafka.at("KAFKA_TOPIC"), options));
  CHECK(account.delivered == 20);
  CHECK(account.duplicated == 0);
  CHECK(account.in_order);
}
