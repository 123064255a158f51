#include "simulator/simulator.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace ohip::sim {
namespace {

constexpr std::size_t kMaxLimit = 20;

// The queue a path of the Poll API names, or nothing when it is another path. OHIP's two are
// …/externalSystem/{code}/businessEvents and …/externalSystem/{code}/hotels/{hotel}/businessEvents.
std::optional<std::string> queue_of(const std::vector<std::string>& path) {
  const bool ours = path.size() >= 5 && path[0] == "int" && path[1] == "v1" &&
                    path[2] == "externalSystem" && path.back() == "businessEvents";
  if (ours && path.size() == 5) {
    return kChain;
  }
  return ours && path.size() == 7 && path[4] == "hotels" ? std::optional(path[5]) : std::nullopt;
}

// 0 when it is not one OHIP accepts.
std::size_t limit_of(const Request& request) {
  const std::string text = request.parameter("limit", std::to_string(kMaxLimit));
  std::size_t limit = 0;
  const char* const end = text.data() + text.size();
  const bool number = std::from_chars(text.data(), end, limit).ptr == end;
  return number && limit <= kMaxLimit ? limit : 0;
}

std::string join_events(const std::vector<Item>& items) {
  std::string joined;
  for (const Item& item : items) {
    joined += joined.empty() ? "" : ",";
    joined += item.bytes;
  }
  return joined;
}

}  // namespace

Simulator::Simulator(Options options)
    : options_(std::move(options)),
      events_(options_.seed),
      tokens_(options_),
      polls_in_a_minute_(options_.polls_per_minute, std::chrono::minutes(1)),
      requests_in_a_second_(options_.requests_per_second, std::chrono::seconds(1)),
      streaming_(options_, {[this](const std::string& authorization) {
                              const std::lock_guard lock(mutex_);
                              return tokens_.accepts(authorization);
                            },
                            [this](const std::string& on, const std::string& chain) {
                              const std::lock_guard lock(mutex_);
                              return take_fault(faults_, on, chain);
                            }}) {
  std::optional<Certificate> certificate;
  if (options_.tls) {
    certificate = make_certificate();
    ca_pem_ = certificate->ca_pem;
  }
  server_ = std::make_unique<Server>(options_.port, certificate ? &*certificate : nullptr,
                                     [this](const Request& request) { return answer(request); });
}

std::string Simulator::url() const {
  return fmt::format("{}://127.0.0.1:{}", options_.tls ? "https" : "http", server_->port());
}

void Simulator::enqueue(const std::string& queue, std::size_t count, const std::string& hotel) {
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < count; ++i) {
    queue_event(queue, events_.next(hotel.empty() ? queue : hotel));
  }
}

void Simulator::enqueue_event(const std::string& queue, std::string json) {
  const std::lock_guard lock(mutex_);
  queue_event(queue, std::move(json));
}

// What OPERA tells is there both ways.
void Simulator::queue_event(const std::string& queue, std::string json) {
  if (!options_.stream_chain.empty()) {
    streaming_.add(options_.stream_chain, [&](Stream& stream) {
      stream.add_business_event(json, std::chrono::system_clock::now());
    });
  }
  queues_[queue].waiting.push_back({std::move(json)});
}

void Simulator::enqueue_answer(const std::string& queue, std::string body) {
  const std::lock_guard lock(mutex_);
  queues_[queue].waiting.push_back({std::move(body), true});
}

void Simulator::inject(Fault fault) {
  const std::lock_guard lock(mutex_);
  faults_.push_back(std::move(fault));
}

void Simulator::clear_faults() {
  const std::lock_guard lock(mutex_);
  faults_.clear();
}

void Simulator::revoke_tokens() {
  const std::lock_guard lock(mutex_);
  tokens_.revoke_all();
}

Stats Simulator::stats() const {
  const std::lock_guard lock(mutex_);
  Stats stats{tokens_.issued(), token_refusals_, 0, throttled_, {}};
  for (const auto& [name, queue] : queues_) {
    stats.polls += queue.polls;
    stats.queues[name] = {queue.polls, queue.handed_out.size(), queue.waiting.size()};
  }
  return stats;
}

std::vector<std::string> Simulator::handed_out(const std::string& queue) const {
  const std::lock_guard lock(mutex_);
  const auto found = queues_.find(queue);
  return found == queues_.end() ? std::vector<std::string>() : found->second.handed_out;
}

Reply Simulator::answer(const Request& request) {
  if (!request.path.empty() && request.path[0] == "sim") {
    return answer_admin(*this, request);
  }
  const std::lock_guard lock(mutex_);
  Reply reply = route(request);
  reply.delivery.delay += options_.rtt;
  return reply;
}

Reply Simulator::route(const Request& request) {
  if (request.path == std::vector<std::string>{"oauth", "v1", "tokens"}) {
    return token(request);
  }
  if (request.path == std::vector<std::string>{"subscriptions"}) {
    return with_fault("upgrade", {}, [&] { return streaming_.upgrade(request); });
  }
  const std::optional<std::string> queue = queue_of(request.path);
  if (!queue) {
    return bare(404);
  }
  return request.method == "GET" ? poll(request, *queue) : bare(405);
}

Reply Simulator::with_fault(const std::string& on, const std::string& queue,
                            const std::function<Reply()>& normally) {
  const std::optional<Fault> fault = take_fault(faults_, on, queue);
  if (!fault) {
    return normally();
  }
  const bool reaches_ohip = !fault->instead || fault->dequeue;
  Reply reply = reaches_ohip ? normally() : Reply();
  reply = fault->instead.value_or(reply);
  reply.delivery = fault->delivery;
  return reply;
}

// Whatever passes counts, whatever is refused does not.
std::optional<Reply> Simulator::throttle(bool is_poll) {
  const auto now = std::chrono::steady_clock::now();
  auto wait = requests_in_a_second_.excess(now);
  if (is_poll) {
    wait = std::max(wait, polls_in_a_minute_.excess(now));
  }
  if (!wait) {
    requests_in_a_second_.count(now);
    if (is_poll) {
      polls_in_a_minute_.count(now);
    }
    return std::nullopt;
  }
  ++throttled_;
  Reply reply = bare(429);
  reply.headers.emplace_back(
      "Retry-After", std::to_string(std::chrono::ceil<std::chrono::seconds>(*wait).count()));
  return reply;
}

Reply Simulator::token(const Request& request) {
  if (const std::optional<Reply> refusal = throttle(false)) {
    return *refusal;
  }
  Reply reply = with_fault("token", {}, [&] { return tokens_.answer(request); });
  token_refusals_ += reply.status == 200 ? 0U : 1U;
  return reply;
}

Reply Simulator::poll(const Request& request, const std::string& queue) {
  ++queues_[queue].polls;
  if (const std::optional<Reply> refusal = throttle(true)) {
    return *refusal;
  }
  return with_fault("poll", queue, [&] {
    const std::optional<Reply> refusal = refuse(request, queue);
    return refusal ? *refusal : take(request, queue);
  });
}

// In the order in which a request meets the gateway, then OPERA.
std::optional<Reply> Simulator::refuse(const Request& request, const std::string& queue) const {
  if (request.header("accept").rfind("application/json", 0) != 0) {
    return bare(406);
  }
  if (!tokens_.accepts(request.header("authorization")) ||
      request.header("x-app-key") != options_.app_key) {
    return bare(401);
  }
  if (request.header("x-hotelid").empty()) {
    return oracle_error(400, "OPERAWS-GEN01346", "x-hotelid is required");
  }
  const std::string request_id = request.header("x-request-id");
  if (!request_id.empty() && !is_uuid(request_id)) {
    return oracle_error(400, "OPERAWS-GEN01346", "Invalid value of: x-request-id");
  }
  if (request.header("x-externalsystem").size() > 40) {
    return oracle_error(400, "OPERAWS-GEN01346", "Invalid value of: x-externalsystem");
  }
  if (limit_of(request) == 0) {
    return oracle_error(400, "OPERAWS-GEN01278", "limit - Please enter a valid number.");
  }
  if (request.path[3] != options_.external_system) {
    return oracle_error(404, "OPERAWS-GEN00002", "External system not found");
  }
  const std::string hotel = queue == kChain ? request.header("x-hotelid") : queue;
  const auto& known = options_.hotels;
  if (!known.empty() && std::find(known.begin(), known.end(), hotel) == known.end()) {
    return oracle_error(403, "OPERAWS-GEN01244",
                        "User is not authorized to access data for resort");
  }
  return std::nullopt;
}

// Here events leave OHIP for good.
Reply Simulator::take(const Request& request, const std::string& queue) {
  const std::vector<Item> items = dequeue(queues_[queue], limit_of(request));
  if (items.empty()) {
    return bare(204);
  }
  Reply reply;
  reply.headers.emplace_back("Content-Language", "en");
  reply.body =
      items.front().whole_answer
          ? items.front().bytes
          : fmt::format(R"({{"businessEventData":[{}],"{}":{}}})", join_events(items),
                        options_.camel_case_mapping ? "dataValueMapping" : "DataValueMapping",
                        request.header("externaldata") == "true" ? kDataValueMapping : "[]");
  return reply;
}

}  // namespace ohip::sim
