#include "simulator/streaming.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>

#include "simulator/session.h"
#include "simulator/socket.h"
#include "simulator/websocket.h"

namespace ohip::sim {
namespace {

const char* const kProtocol = "graphql-transport-ws";
constexpr std::size_t kMaxHead = 8192;

std::string sha256(const std::string& text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr);
  std::string hex;
  for (unsigned int i = 0; i < size; ++i) {
    hex += fmt::format("{:02x}", digest.at(i));
  }
  return hex;
}

// An element of a list of tokens, such as "keep-alive, Upgrade".
bool lists(const std::string& header, const std::string& token, bool exactly) {
  for (std::size_t start = 0; start <= header.size();) {
    const std::size_t end = std::min(header.find(',', start), header.size());
    const std::size_t first = std::min(header.find_first_not_of(" \t", start), end);
    const std::size_t last = header.find_last_not_of(" \t", end == 0 ? 0 : end - 1);
    const std::string part = first < end ? header.substr(first, last - first + 1) : std::string();
    const bool same = part.size() == token.size() &&
                      std::equal(part.begin(), part.end(), token.begin(), [&](char a, char b) {
                        return a == b || (!exactly && (a | 0x20) == (b | 0x20));
                      });
    if (same) {
      return true;
    }
    start = end + 1;
  }
  return false;
}

std::size_t size_of_head(const Request& request) {
  std::size_t size = 0;
  for (const auto& [name, value] : request.headers) {
    size += name.size() + value.size() + 4;
  }
  return size;
}

}  // namespace

Streaming::Streaming(const Options& options, Outside outside)
    : options_(options),
      outside_(std::move(outside)),
      key_hash_(sha256(options.app_key)),
      upgrades_in_2_min_(options.upgrades_per_2_min, std::chrono::minutes(2)) {}

// Wrong key, wrong URL, no approval, no licence: Oracle says 400 for all of them.
std::optional<Reply> Streaming::refuse(const Request& request) {
  if (request.method != "GET") {
    return bare(405);
  }
  const auto now = std::chrono::steady_clock::now();
  if (upgrades_in_2_min_.excess(now)) {
    return bare(429);
  }
  upgrades_in_2_min_.count(now);
  const bool right = lists(request.header("upgrade"), "websocket", false) &&
                     lists(request.header("connection"), "upgrade", false) &&
                     request.header("sec-websocket-version") == "13" &&
                     request.header("sec-websocket-key").size() == 24 &&
                     request.parameter("key") == key_hash_ && size_of_head(request) <= kMaxHead;
  return right ? std::nullopt : std::optional(bare(400));
}

Reply Streaming::upgrade(const Request& request) {
  const std::lock_guard lock(mutex_);
  if (const auto refusal = refuse(request)) {
    return *refusal;
  }
  ++counts_.upgrades;
  const bool right_protocol = lists(request.header("sec-websocket-protocol"), kProtocol, true);
  Reply reply = bare(101);
  reply.headers = {{"Upgrade", "websocket"},
                   {"Connection", "Upgrade"},
                   {"Sec-WebSocket-Accept", websocket_accept(request.header("sec-websocket-key"))}};
  if (right_protocol) {
    reply.headers.emplace_back("Sec-WebSocket-Protocol", kProtocol);
  }
  reply.upgrade = [this, right_protocol](Socket& socket) {
    Session(*this, socket, right_protocol).run();
  };
  return reply;
}

Stream& Streaming::stream(const std::string& chain) {
  return streams_.try_emplace(chain, chain).first->second;
}

void Streaming::add(const std::string& chain, const std::function<void(Stream&)>& what) {
  const std::lock_guard lock(mutex_);
  what(stream(chain));
  for (const auto& [session, end] : sessions_) {
    session->wake();
  }
}

StreamingStats Streaming::stats() const {
  const std::lock_guard lock(mutex_);
  StreamingStats stats = counts_;
  stats.open = sessions_.size();
  for (const auto& [chain, stream] : streams_) {
    stats.streams[chain] = {stream.size(), stream.sent().size(), stream.subscriptions(),
                            stream.refused(), stream.occupied()};
  }
  return stats;
}

std::vector<std::string> Streaming::list(const std::string& chain, bool sent, bool ids) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> all;
  const auto found = streams_.find(chain);
  if (found == streams_.end()) {
    return all;
  }
  const Stream& stream = found->second;
  const std::size_t size = sent ? stream.sent().size() : stream.size();
  all.reserve(size);
  for (std::size_t i = 0; i < size; ++i) {
    const std::size_t index = sent ? stream.sent()[i] : i;
    all.push_back(ids ? stream.offset(index) + " " + stream.unique_event_id(index)
                      : stream.event(index));
  }
  return all;
}

std::vector<std::string> Streaming::held(const std::string& chain) const {
  return list(chain, false, false);
}

std::vector<std::string> Streaming::sent(const std::string& chain) const {
  return list(chain, true, false);
}

std::vector<std::string> Streaming::held_ids(const std::string& chain) const {
  return list(chain, false, true);
}

std::vector<std::string> Streaming::sent_ids(const std::string& chain) const {
  return list(chain, true, true);
}

void Streaming::disconnect(std::uint16_t code, const std::string& reason) {
  const std::lock_guard lock(mutex_);
  for (auto& [session, end] : sessions_) {
    end = End(code, reason);
    session->wake();
  }
}

void Streaming::enter(const Session* session) {
  const std::lock_guard lock(mutex_);
  sessions_.emplace(session, std::nullopt);
}

void Streaming::exit(const Session* session) {
  const std::lock_guard lock(mutex_);
  sessions_.erase(session);
}

std::optional<Streaming::End> Streaming::end_asked_for(const Session* session) {
  const std::lock_guard lock(mutex_);
  return std::exchange(sessions_[session], std::nullopt);
}

bool Streaming::knows(const std::string& chain) const {
  const auto& known = options_.chains;
  return known.empty() || std::find(known.begin(), known.end(), chain) != known.end();
}

std::optional<std::string> Streaming::occupy(const Session* session, const NewEventInput& input,
                                             std::size_t& next) {
  const std::lock_guard lock(mutex_);
  const SystemTime now = std::chrono::system_clock::now();
  Stream& wanted = stream(input.chain);
  if (auto refusal = wanted.occupy(session, now)) {
    return refusal;
  }
  next = wanted.first(input, now - options_.retention);
  return std::nullopt;
}

void Streaming::leave(const Session* session, const std::string& chain,
                      std::chrono::milliseconds locked) {
  const std::lock_guard lock(mutex_);
  stream(chain).leave(session, std::chrono::system_clock::now() + locked);
}

std::optional<std::string> Streaming::next(const NewEventInput& input,
                                           const std::vector<Field>& fields,
                                           std::size_t& index) const {
  const std::lock_guard lock(mutex_);
  return streams_.at(input.chain).next(input, fields, index);
}

void Streaming::count_sent(const std::string& chain, std::size_t index) {
  const std::lock_guard lock(mutex_);
  stream(chain).count_sent(index);
}

bool Streaming::occupied() const {
  const std::lock_guard lock(mutex_);
  return std::any_of(streams_.begin(), streams_.end(),
                     [](const auto& entry) { return entry.second.occupied(); });
}

// One application, one connection to ask for.
std::string Streaming::connection_id() const {
  return key_hash_.substr(0, 12);
}

void Streaming::count_close(std::uint16_t code) {
  const std::lock_guard lock(mutex_);
  ++counts_.closes[code];
}

void Streaming::count_ping() {
  const std::lock_guard lock(mutex_);
  ++counts_.pings;
}

void Streaming::count_late_ping() {
  const std::lock_guard lock(mutex_);
  ++counts_.late_pings;
}

}  // namespace ohip::sim
