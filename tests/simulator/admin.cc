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
    "POST /sim/answer?hotel=ABC[&queue=chain]            queue the body as a whole answer\n"
    "POST /sim/fault?kind=…                              see below\n"
    "DELETE /sim/fault                                   no more faults\n"
    "POST /sim/revoke-tokens                             polls are answered 401 until a new token\n"
    "GET /sim/stats                                      counters\n"
    "GET /sim/handed-out?hotel=ABC | ?queue=chain        events that were handed out, one a line\n";

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

std::size_t count_of(const Request& request) {
  const std::string text = request.parameter("count", "1");
  std::size_t count = 0;
  const char* const end = text.data() + text.size();
  if (text.empty() || std::from_chars(text.data(), end, count).ptr != end) {
    throw std::invalid_argument("count=" + text + " is no number");
  }
  return count;
}

Reply add_events(Simulator& simulator, const Request& request) {
  const std::string queue = queue_of(request);
  if (request.body.empty()) {
    simulator.enqueue(queue, count_of(request), request.parameter("hotel"));
  } else {
    simulator.enqueue_event(queue, request.body);
  }
  return text(200, "queued");
}

Reply add_fault(Simulator& simulator, const Request& request) {
  simulator.inject(parse_fault(request.query, request.body));
  return text(200, "will happen");
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

Reply show_stats(const Stats& stats) {
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
  json.EndObject();
  Reply reply;
  reply.body = std::string(buffer.GetString()) + "\n";
  return reply;
}

Reply show_handed_out(const Simulator& simulator, const Request& request) {
  Reply reply;
  for (const std::string& bytes : simulator.handed_out(queue_of(request))) {
    reply.body += bytes + "\n";
  }
  return reply;
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
  if (what == "GET stats") {
    return show_stats(simulator.stats());
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
