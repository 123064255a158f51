#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "simulator/faults.h"
#include "simulator/options.h"
#include "simulator/rate_limit.h"
#include "simulator/stream.h"

namespace ohip::sim {

class Session;

struct StreamStats {
  std::uint64_t events = 0;  // there are, whatever was sent
  std::uint64_t sent = 0;    // those sent again again
  std::uint64_t subscriptions = 0;
  std::uint64_t refused = 0;  // of them, with 4409
  bool active = false;
};

struct StreamingStats {
  std::uint64_t upgrades = 0;
  std::uint64_t open = 0;
  std::uint64_t pings = 0;
  std::uint64_t late_pings = 0;                   // sockets closed for want of one
  std::map<std::uint16_t, std::uint64_t> closes;  // by code, the server's; 1006: broken
  std::map<std::string, StreamStats> streams;     // by chain
};

// OHIP's Streaming API: what all web sockets of one application share.
class Streaming {
 public:
  // What the rest of the simulator knows.
  struct Outside {
    std::function<bool(const std::string& authorization)> accepts;
    std::function<std::optional<Fault>(const std::string& on, const std::string& chain)> take_fault;
  };

  Streaming(const Options& options, Outside outside);

  // GET /subscriptions: 101, or a refusal.
  Reply upgrade(const Request& request);

  void add(const std::string& chain, const std::function<void(Stream&)>& what);
  StreamingStats stats() const;
  // Whole events, one each: of the stream, or as they were sent.
  std::vector<std::string> held(const std::string& chain) const;
  std::vector<std::string> sent(const std::string& chain) const;
  // The same, as "offset uniqueEventId".
  std::vector<std::string> held_ids(const std::string& chain) const;
  std::vector<std::string> sent_ids(const std::string& chain) const;
  // Closes each web socket that is open; 1006: breaks the connection.
  void disconnect(std::uint16_t code, const std::string& reason);

  // For sessions.
  const Options& options() const { return options_; }
  bool accepts(const std::string& authorization) const { return outside_.accepts(authorization); }
  std::optional<Fault> take_fault(const std::string& on, const std::string& chain) const {
    return outside_.take_fault(on, chain);
  }
  void enter(const Session* session);
  void exit(const Session* session);
  std::optional<std::pair<std::uint16_t, std::string>> end_asked_for(const Session* session);
  bool knows(const std::string& chain) const;
  // Why not; else next is the first event's index.
  std::optional<std::string> occupy(const Session* session, const NewEventInput& input,
                                    std::size_t& next);
  void leave(const Session* session, const std::string& chain, std::chrono::milliseconds locked);
  std::optional<std::string> next(const NewEventInput& input, const std::vector<Field>& fields,
                                  std::size_t& index) const;
  void count_sent(const std::string& chain, std::size_t index);
  bool occupied() const;
  std::string connection_id() const;
  void count_close(std::uint16_t code);
  void count_ping();
  void count_late_ping();

 private:
  using End = std::pair<std::uint16_t, std::string>;

  std::optional<Reply> refuse(const Request& request);
  Stream& stream(const std::string& chain);
  std::vector<std::string> list(const std::string& chain, bool sent, bool ids) const;

  const Options& options_;
  Outside outside_;
  std::string key_hash_;
  mutable std::mutex mutex_;  // guards what follows
  std::map<std::string, Stream> streams_;
  std::map<const Session*, std::optional<End>> sessions_;
  RateLimit upgrades_in_2_min_;
  StreamingStats counts_;
};

}  // namespace ohip::sim
