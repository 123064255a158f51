#pragma once

#include <optional>
#include <string>

#include "clock.h"
#include "config.h"
#include "http_client.h"
#include "oauth.h"
#include "source.h"
#include "spool.h"

namespace ohip {

// OHIP's Poll API: GET /int/v1/externalSystem/{code}[/hotels/{hotel}]/businessEvents, which deletes
// what it returns. Each take() is one GET under a fresh x-request-id; it is repeated only where the
// server provably did not process it (not sent; 429; 401, once, with a new token). Once it was
// sent, nothing but its own time-out ends it: not the deadline, not a signal.
class PollSource : public Source {
 public:
  // hotel: the queue's, or for QueueScope::kChain the one that x-hotelid names.
  PollSource(const Config& config, std::string hotel, HttpClient& http, OAuth& oauth, Clock& clock,
             const Deadline& deadline);

  std::optional<Batch> take(Spool& spool) override;

 private:
  // One GET and what came of it.
  struct Poll {
    std::string request_id;
    TimePoint time;
    std::optional<Spool::Part> part;
    HttpResponse response;
  };

  Poll ask(Spool& spool);
  HttpRequest request(const std::string& token, const std::string& request_id,
                      Spool::Part& part) const;
  std::optional<Batch> settle(Poll& poll) const;
  [[noreturn]] void lose(Poll& poll, const std::string& what) const;
  [[noreturn]] void give_up(const Poll& poll);

  const Config& config_;
  std::string hotel_;
  HttpClient& http_;
  OAuth& oauth_;
  Clock& clock_;
  const Deadline& deadline_;
};

}  // namespace ohip
