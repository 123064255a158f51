#include "stream/check.h"

#include <fmt/format.h>

#include <chrono>
#include <optional>
#include <string>

#include "base/secrets.h"
#include "base/wakeup.h"
#include "http/client.h"
#include "http/websocket.h"
#include "http/wording.h"
#include "kafka/plain_sink.h"
#include "kafka/transactional_sink.h"
#include "ohip/oauth.h"
#include "report/checklist.h"
#include "spool/spool.h"
#include "stream/closing.h"
#include "stream/message.h"
#include "stream/position_text.h"
#include "stream/refusal.h"
#include "stream/stream_name.h"
#include "stream/subscription.h"

namespace ohip {
namespace {

using namespace std::chrono_literals;

constexpr auto kAckTimeout = 10s;

std::string check_config(const Config& config) {
  Subscription subscription;
  subscription.chain = config.chain;
  check_subscription(subscription);
  return fmt::format("{}, chain {}", config.gateway.url, config.chain);
}

std::string check_spool(const Config& config, const StreamName& name) {
  if (config.spool_dir.empty()) {
    return "none, and none is needed";
  }
  try {
    const std::optional<Spool> spool = Spool::open(config.spool_dir, name.queue());
    return config.spool_dir.string() + (spool ? "" : ", used by a run now");
  } catch (const Error& error) {
    if (config.spool_dir_named) {
      throw;
    }
    return fmt::format("none to be had, and none is needed: {}", error.what());
  }
}

// Whether OHIP lets the application in. A socket without a subscription disturbs nobody.
std::string check_socket(const Config& config, const StreamName& name, const std::string& token,
                         const Route& route) {
  const Wakeup wakeup;
  WebSocket socket(route, wakeup);
  WebSocketRequest request;
  request.url = name.url(config);
  request.subprotocol = "graphql-transport-ws";
  const WebSocketAnswer answer = socket.open(request);
  if (!answer.open) {
    throw refusal_of(refusal_in(answer)).error;
  }
  socket.send(init_message(token, config.credentials.app_key));
  bool acknowledged = false;
  for (const SteadyPoint end = std::chrono::steady_clock::now() + kAckTimeout;
       std::chrono::steady_clock::now() < end;) {
    const WebSocketTurn turn = socket.turn(1s);
    for (const std::string& text : turn.messages) {
      if (parse_server_message(text).type == "connection_ack") {
        acknowledged = true;
        socket.close(kNormalClosure);
      }
    }
    if (turn.end && !acknowledged) {
      throw closing_of(turn.end->code, masked(turn.end->reason), turn.end->by_us).error;
    }
    if (turn.end) {
      return config.stream_path + " lets the application in";
    }
  }
  if (acknowledged) {
    return config.stream_path + " lets the application in";
  }
  throw Error(ExitStatus::kUnavailable, "OHIP sent no connection_ack within 10 s");
}

std::string describe(const std::optional<Position>& position) {
  if (!position || position->offset.empty()) {
    return "none yet";
  }
  return fmt::format(
      "offset {}{}", position->offset,
      position->received == TimePoint{} ? "" : ", received " + rfc3339_utc(position->received));
}

}  // namespace

ExitStatus check_stream(const Config& config, Clock& clock, const Log& log) {
  const Deadline deadline(clock, config.deadline);
  const StreamName name(config);
  const GroupPlace place = name.place(config);
  const Route route{config.ca_file, config.proxy, config.no_proxy, config.proxy_login};
  Checklist checklist;
  checklist.step("configuration", [&] { return check_config(config); });
  checklist.step("spool", [&] { return check_spool(config, name); });
  std::string token;
  const bool let_in = checklist.step("token", [&] {
    CurlHttpClient http(route);
    OAuth oauth(config.gateway, config.credentials,
                config.spool_dir.empty() ? "/dev/null" : config.spool_dir, clock, deadline);
    token = oauth.token(http);
    return config.gateway.url + " accepts the credentials";
  });
  if (let_in) {
    checklist.step("web socket", [&] { return check_socket(config, name, token, route); });
  }

  const bool transactions = config.kafka_profile == KafkaProfile::kKafka;
  const bool one_topic = config.topic.find('{') == std::string::npos;
  std::optional<TransactionalSink> transactional;
  std::optional<PlainSink> plain;
  Sink* sink = nullptr;
  const bool connected = checklist.step("Kafka", [&] {
    // An id of its own: that of a run at work would be taken away from it.
    sink = transactions ? static_cast<Sink*>(&transactional.emplace(
                              config.kafka, GroupPlace{place.group + "/check", place.topic}, log))
                        : &plain.emplace(config.kafka, place, log);
    sink->check({});
    return config.kafka.at("bootstrap.servers") +
           " accepts the connection, and has the state topic";
  });
  if (!connected) {
    return checklist.status();
  }
  if (one_topic) {
    checklist.step("topic", [&] {
      sink->check({config.topic});
      return fmt::format("{}: each partition has a leader", config.topic);
    });
  }
  std::optional<GroupOffset> committed;
  checklist.step("position", [&] {
    committed = transactions ? transactional->committed_by(place) : plain->committed();
    return fmt::format("group {}: {}", place.group, describe(PositionText().read(committed)));
  });
  if (transactions) {
    checklist.step("transactions", [&] {
      transactional->take_over();
      transactional->rehearse(place, committed.value_or(GroupOffset{}));
      return fmt::format("transactional id {}", place.group);
    });
  }
  return checklist.status();
}

}  // namespace ohip
