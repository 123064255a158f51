#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "simulator/events.h"
#include "simulator/faults.h"
#include "simulator/options.h"
#include "simulator/queues.h"
#include "simulator/rate_limit.h"
#include "simulator/server.h"
#include "simulator/streaming.h"
#include "simulator/tokens.h"

namespace ohip::sim {

struct QueueStats {
  std::uint64_t polls = 0;  // GETs, refused ones included
  std::uint64_t handed_out = 0;
  std::uint64_t outstanding = 0;
};

struct Stats {
  std::uint64_t tokens = 0;
  std::uint64_t token_refusals = 0;
  std::uint64_t polls = 0;
  std::uint64_t throttled = 0;               // token calls and polls answered 429, by a limit
  std::map<std::string, QueueStats> queues;  // by hotel, and kChain
};

// OHIP's OAuth, Poll API and Streaming API over sockets on 127.0.0.1, from construction to
// destruction. Every member function may be called while it serves.
class Simulator {
 public:
  explicit Simulator(Options options = {});

  std::string url() const;                               // the gateway's: scheme, host and port
  const std::string& ca_pem() const { return ca_pem_; }  // empty without TLS
  const Options& options() const { return options_; }

  // queue: a hotel's code or kChain; the events of kChain are those of hotel.
  void enqueue(const std::string& queue, std::size_t count, const std::string& hotel = {});
  void enqueue_event(const std::string& queue, std::string json);
  void enqueue_answer(const std::string& queue, std::string body);

  // The Streaming API's side: see its class for what may be asked of it.
  Streaming& streaming() { return streaming_; }
  const Streaming& streaming() const { return streaming_; }

  // See kFaultHelp: parse_fault("kind=close&count=2").
  void inject(Fault fault);
  void clear_faults();
  void revoke_tokens();

  Stats stats() const;
  std::vector<std::string> handed_out(const std::string& queue) const;

 private:
  Reply answer(const Request& request);
  Reply route(const Request& request);
  std::optional<Reply> throttle(bool is_poll);
  Reply token(const Request& request);
  Reply poll(const Request& request, const std::string& queue);
  Reply take(const Request& request, const std::string& queue);
  std::optional<Reply> refuse(const Request& request, const std::string& queue) const;
  void queue_event(const std::string& queue, std::string json);
  Reply with_fault(const std::string& on, const std::string& queue,
                   const std::function<Reply()>& normally);

  Options options_;
  mutable std::mutex mutex_;  // guards what follows
  EventGenerator events_;
  Tokens tokens_;
  Queues queues_;
  std::list<Fault> faults_;
  std::uint64_t token_refusals_ = 0;
  RateLimit polls_in_a_minute_;
  RateLimit requests_in_a_second_;
  std::uint64_t throttled_ = 0;

  Streaming streaming_;
  std::string ca_pem_;
  std::unique_ptr<Server> server_;  // last: answers until it is destroyed
};

// The interface under /sim of a simulator; see kAdminHelp.
Reply answer_admin(Simulator& simulator, const Request& request);
extern const char* const kAdminHelp;

}  // namespace ohip::sim
