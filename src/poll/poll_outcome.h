#pragma once

#include <string>

#include "base/error.h"
#include "http/client.h"

namespace ohip {

// What an exchange with OHIP proves about the queue, and no more.
enum class PollOutcome {
  kAnswered,      // its body says what was taken
  kNothingTaken,  // the request was not carried out, or OPERA itself says that it failed
  kPossibleLoss,  // OPERA may have taken events off the queue, and they did not reach us
};

PollOutcome poll_outcome(const HttpResponse& response);

// Of an answer after which nothing was taken: what it means for the run, and what a person does.
// hotel: the one that was asked for.
Error refusal(const HttpResponse& response, const std::string& hotel,
              const std::string& request_id);

}  // namespace ohip
