#include <fmt/format.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <charconv>
#include <stdexcept>

#include "simulator/simulator.h"

namespace ohip::sim {

const char* const kAdminHelp =
    "POST /sim/events?hotel=ABC[&queue=chain]&count=20   make events; with a body: queue that one\n"
    "                                                    event, byte for byte\n"
    "POST /sim/answer?hotel=ABC[&queue=chain]            queue the body as a whole response\n"
    "POST /sim/fault?kind=…                              see below\n"
    "DELETE /sim/fault                                   no more faults\n"
    "POST /sim/revoke-tokens                             polls are answered 401 until a new "
    "token,\n"
    "                                                    web sockets are closed with 4401\n"
    "POST /sim/stream?chain=C&count=20[&hotel=ABC][&size=0][&age=0]\n"
    "                                                    make events of the chain's stream, of "
    "size\n"
    "                                                    bytes, age seconds old; with a body: "
    "that\n"
    "                                                    one newEvent\n"
    "POST /sim/disconnect[?code=1001][&reason=]          close the web sockets; 1006: break them\n"
    "GET /sim/held?chain=C[&ids=1]                       the stream's events, one per line; ids: "
    "offset\n"
    "                                                    and uniqueEventId alone\n"
    "GET /sim/streamed?chain=C[&ids=1]                   those that were sent, in that order\n"
    "GET /sim/stats                                      counters\n"
    "GET /sim/handed-out?hotel=ABC | ?queue=chain        events that were handed out, one per "
    "line\n";

namespace {

using Json = rapidjson::Writer<rapidjson::StringBuffer>;

Reply text(int status, const std::string& body) {
  Reply reply = bare(status);
  reply.body = body + "\n";
  reply.content_type = "text/plain;charset=UTF-8";
  return reply;
}

std::string queue_of(const Request& request) {
  std::string hotel = request.parameter("hotel");
  if (request.parameter("queue") == "chain") {
    return kChain;
  }
  if (hotel.empty()) {
    throw std::invalid_argument("hotel=CODE or queue=chain is missing");
  }
  return hotel;
}

std::size_t number(const Request& request, const std::string& name, std::size_t otherwise) {
  const std::string text = request.parameter(name, std::to_string(otherwise));
  std::size_t value = 0;
  const char* const end = text.data() + text.size();
  if (text.empty() || std::from_chars(text.data(), end, value).ptr != end) {
    throw std::invalid_argument(name + "=" + text + " is no number");
  }
  return value;
}

std::string chain_of(const Request& request) {
  std::string chain = request.parameter("chain");
  if (chain.empty()) {
    throw std::invalid_argument("chain=CODE is missing");
  }
  return chain;
}

Reply add_events(Simulator& simulator, const Request& request) {
  const std::string queue = queue_of(request);
  if (request.body.empty()) {
    simulator.enqueue(queue, number(request, "count", 1), request.parameter("hotel"));
  } else {
    simulator.enqueue_event(queue, request.body);
  }
  return text(200, "queued");
}

Reply add_fault(Simulator& simulator, const Request& request) {
  simulator.inject(parse_fault(request.query, request.body));
  return text(200, "will happen");
}

Reply add_to_stream(Streaming& streaming, const Request& request) {
  const SystemTime time =
      std::chrono::system_clock::now() - std::chrono::seconds(number(request, "age", 0));
  streaming.add(chain_of(request), [&](Stream& stream) {
    if (request.body.empty()) {
      stream.add_made(request.parameter("hotel", "ABC"), number(request, "count", 1),
                      number(request, "size", 0), time);
    } else {
      stream.add(request.body, true, time);
    }
  });
  return text(200, "there");
}

Reply disconnect(Streaming& streaming, const Request& request) {
  streaming.disconnect(static_cast<std::uint16_t>(number(request, "code", 1001)),
                       request.parameter("reason"));
  return text(200, "will happen");
}

Reply lines(const std::vector<std::string>& all) {
  Reply reply;
  for (const std::string& line : all) {
    reply.body += line + "\n";
  }
  return reply;
}

void write(Json& json, const QueueStats& stats) {
  json.StartObject();
  json.Key("polls");
  json.Uint64(stats.polls);
  json.Key("handedOut");
  json.Uint64(stats.handed_out);
  json.Key("outstanding");
  json.Uint64(stats.outstanding);
  json.EndObject();
}

void write(Json& json, const StreamStats& stats) {
  json.StartObject();
  json.Key("events");
  json.Uint64(stats.events);
  json.Key("sent");
  json.Uint64(stats.sent);
  json.Key("subscriptions");
  json.Uint64(stats.subscriptions);
  json.Key("refused");
  json.Uint64(stats.refused);
  json.Key("active");
  json.Bool(stats.active);
  json.EndObject();
}

void write(Json& json, const StreamingStats& stats) {
  json.StartObject();
  json.Key("upgrades");
  json.Uint64(stats.upgrades);
  json.Key("open");
  json.Uint64(stats.open);
  json.Key("pings");
  json.Uint64(stats.pings);
  json.Key("latePings");
  json.Uint64(stats.late_pings);
  json.Key("closes");
  json.StartObject();
  for (const auto& [code, count] : stats.closes) {
    json.Key(std::to_string(code).c_str());
    json.Uint64(count);
  }
  json.EndObject();
  json.Key("chains");
  json.StartObject();
  for (const auto& [chain, stream] : stats.streams) {
    json.Key(chain.c_str());
    write(json, stream);
  }
  json.EndObject();
  json.EndObject();
}

Reply show_stats(const Stats& stats, const StreamingStats& streaming) {
  rapidjson::StringBuffer buffer;
  Json json(buffer);
  json.StartObject();
  json.Key("tokens");
  json.Uint64(stats.tokens);
  json.Key("tokenRefusals");
  json.Uint64(stats.token_refusals);
  json.Key("polls");
  json.Uint64(stats.polls);
  json.Key("throttled");
  json.Uint64(stats.throttled);
  json.Key("queues");
  json.StartObject();
  for (const auto& [name, queue] : stats.queues) {
    json.Key(name.c_str());
    write(json, queue);
  }
  json.EndObject();
  json.Key("streaming");
  write(json, streaming);
  json.EndObject();
  Reply reply;
  reply.body = std::string(buffer.GetString()) + "\n";
  return reply;
}

Reply show_handed_out(const Simulator& simulator, const Request& request) {
  return lines(simulator.handed_out(queue_of(request)));
}

Reply show_stream(const Streaming& streaming, const Request& request) {
  const std::string chain = chain_of(request);
  const bool ids = number(request, "ids", 0) != 0;
  if (request.path[1] == "held") {
    return lines(ids ? streaming.held_ids(chain) : streaming.held(chain));
  }
  return lines(ids ? streaming.sent_ids(chain) : streaming.sent(chain));
}

Reply dispatch(Simulator& simulator, const Request& request) {
  const std::string what =
      request.method + " " + (request.path.size() == 2 ? request.path[1] : std::string());
  if (what == "POST events") {
    return add_events(simulator, request);
  }
  if (what == "POST answer") {
    simulator.enqueue_answer(queue_of(request), request.body);
    return text(200, "queued");
  }
  if (what == "POST fault") {
    return add_fault(simulator, request);
  }
  if (what == "DELETE fault") {
    simulator.clear_faults();
    return text(200, "no more faults");
  }
  if (what == "POST revoke-tokens") {
    simulator.revoke_tokens();
    return text(200, "revoked");
  }
  if (what == "POST stream") {
    return add_to_stream(simulator.streaming(), request);
  }
  if (what == "POST disconnect") {
    return disconnect(simulator.streaming(), request);
  }
  if (what == "GET held" || what == "GET streamed") {
    return show_stream(simulator.streaming(), request);
  }
  if (what == "GET stats") {
    return show_stats(simulator.stats(), simulator.streaming().stats());
  }
  if (what == "GET handed-out") {
    return show_handed_out(simulator, request);
  }
  return text(404, kAdminHelp);
}

}  // namespace

Reply answer_admin(Simulator& simulator, const Request& request) {
  try {
    return dispatch(simulator, request);
  } catch (const std::invalid_argument& e) {
    return text(400, e.what());
  }
}

}  // namespace ohip::sim
