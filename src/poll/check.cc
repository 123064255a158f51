#include "poll/check.h"

#include <fmt/format.h>

#include <optional>
#include <string>

#include "http/client.h"
#include "kafka/publisher.h"
#include "ohip/oauth.h"
#include "poll/queues.h"
#include "report/checklist.h"
#include "spool/spool.h"

namespace ohip {
namespace {

constexpr Milliseconds kLook{5'000};

std::string describe_config(const Config& config) {
  return fmt::format("{}, external system {}, hotels {}", config.gateway.url,
                     config.external_system, fmt::join(config.hotels, ", "));
}

// Every queue's directory can be locked and takes an answer of usual size.
std::string check_spool(const Config& config, const Clock& clock) {
  std::size_t waiting = 0;
  for (const QueueName& queue : configured_queues(config)) {
    std::optional<Spool> spool = Spool::open(config.spool_dir, queue);
    if (spool) {
      waiting += spool->pending().size();
      spool->reserve("check", clock.now(), kMostEvents);
    }
  }
  return fmt::format("{}, {} to deliver", config.spool_dir.string(),
                     plural(waiting, "batch", "batches"));
}

std::string check_topic(const Config& config, KafkaPublisher& publisher) {
  if (config.topic.find('{') != std::string::npos) {
    return fmt::format("{}: known only with an event, not tried", config.topic);
  }
  publisher.check({config.topic});
  const std::string why = publisher.cannot_look(config.topic, kLook);
  return fmt::format("{}: each partition has a leader and it answers{}", config.topic,
                     why.empty()
                         ? ""
                         : fmt::format("; note: what an interrupted run leaves may come "
                                       "twice, because this user may not read the topic: {}",
                                       why));
}

}  // namespace

ExitStatus check(const Config& config, Clock& clock, const Log& log) {
  const Deadline deadline(clock, config.deadline);
  Checklist checklist;
  checklist.step("configuration", [&] { return describe_config(config); });
  checklist.step("spool", [&] { return check_spool(config, clock); });
  checklist.step("token", [&] {
    CurlHttpClient http({config.ca_file, config.proxy, config.no_proxy, config.proxy_login});
    OAuth oauth(config.gateway, config.credentials, config.spool_dir, clock, deadline);
    oauth.token(http);
    return config.gateway.url + " accepts the credentials";
  });
  KafkaPublisher publisher(config.kafka, log, config.spool_dir / kKafkaNotes);
  const bool connected = checklist.step("Kafka", [&] {
    publisher.check({});
    return config.kafka.at("bootstrap.servers") + " accepts the connection";
  });
  if (connected) {
    checklist.step("topic", [&] { return check_topic(config, publisher); });
  }
  return checklist.status();
}

}  // namespace ohip
