#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/clock.h"
#include "config/config.h"
#include "http/client.h"
#include "ohip/oauth.h"
#include "poll/pace.h"
#include "poll/source.h"
#include "report/report.h"
#include "spool/spool.h"

namespace ohip {

// OHIP's Poll API: GET /int/v1/externalSystem/{code}[/hotels/{hotel}]/businessEvents, which deletes
// what it returns. Each take() is one GET under a fresh x-request-id; it is repeated only where the
// server provably did not process it (not sent; 429; 401, once, with a new token), each try in its
// turn by the pace. What each answer proves is poll_outcome()'s. After a possible loss one event is
// asked for at a time, as long as the spool says. Once it was sent, nothing but its own time-out
// ends it: not the deadline, not a signal.
class PollSource : public Source {
 public:
  // hotel: the queue's, or for QueueScope::kChain the one that x-hotelid names.
  // All are borrowed. What it did is added to the report.
  PollSource(const Config& config, std::string hotel, HttpClient& http, OAuth& oauth, Pace& pace,
             Clock& clock, const Deadline& deadline, QueueReport& report);

  bool wait_for_turn() override;
  std::optional<Batch> take(Spool& spool, const std::function<void()>& permit) override;

 private:
  // One GET and what came of it.
  struct Poll {
    std::string token;
    std::string request_id;
    TimePoint time;
    std::size_t limit = 0;  // events that were asked for
    std::optional<Spool::Part> part;
    HttpResponse response;
  };

  Poll ask(Spool& spool, const std::function<void()>& permit);
  HttpRequest request(Poll& poll, const std::function<void()>& permit) const;
  bool may_try_again(const Poll& last, int attempt);
  std::optional<Batch> settle(Poll& poll);
  [[noreturn]] void lose(Poll& poll, const std::string& what);
  [[noreturn]] void give_up(const Poll& poll);

  const Config& config_;
  std::string hotel_;
  HttpClient& http_;
  OAuth& oauth_;
  Pace& pace_;
  Clock& clock_;
  const Deadline& deadline_;
  QueueReport& report_;
  bool token_renewed_ = false;  // for this take()
};

}  // namespace ohip
