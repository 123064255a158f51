#include "poll/poll_outcome.h"

#include <fmt/format.h>
#include <rapidjson/document.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "http/wording.h"

namespace ohip {
namespace {

enum class Proof { kAnswered, kNothingTaken, kPossibleLoss, kAsItsBodySays };

struct Row {
  int first;
  int last;
  Proof proof;
};

// By status. 408: the gateway had our whole request, so it can only mean that something behind it
// did not answer in time. A body says so when it is Oracle's error object: then OPERA itself
// failed, else something between us and OPERA gave up waiting for it. Any other status is nobody's
// we know.
constexpr std::array kTable = {
    Row{200, 299, Proof::kAnswered},      Row{300, 407, Proof::kNothingTaken},
    Row{408, 408, Proof::kPossibleLoss},  Row{409, 499, Proof::kNothingTaken},
    Row{500, 502, Proof::kAsItsBodySays}, Row{503, 503, Proof::kNothingTaken},
    Row{504, 504, Proof::kPossibleLoss},  Row{505, 505, Proof::kAsItsBodySays},
};

Proof look_up(int status) {
  const auto* const row = std::find_if(kTable.begin(), kTable.end(), [&](const Row& candidate) {
    return status >= candidate.first && status <= candidate.last;
  });
  return row == kTable.end() ? Proof::kPossibleLoss : row->proof;
}

bool has(const rapidjson::Value& object, const char* name) {
  const auto member = object.FindMember(name);
  return member != object.MemberEnd() &&
         (member->value.IsNumber() ||
          (member->value.IsString() && member->value.GetStringLength() > 0));
}

// The type "about:blank" is any proxy's: it says no more than the status (RFC 9457, 4.2.1).
bool is_blank_type(const rapidjson::Value& object) {
  const auto type = object.FindMember("type");
  return type != object.MemberEnd() && type->value.IsString() &&
         std::string_view(type->value.GetString()) == "about:blank";
}

// exceptionDetailType in Oracle's OpenAPI. One that is cut off is none.
bool is_oracles_error(const std::string& body) {
  rapidjson::Document document;
  document.Parse<rapidjson::kParseIterativeFlag | rapidjson::kParseNumbersAsStringsFlag>(
      body.data(), body.size());
  return !document.HasParseError() && document.IsObject() &&
         (has(document, "o:errorCode") ||
          (has(document, "type") && has(document, "title") && !is_blank_type(document)));
}

struct Meaning {
  ExitStatus status;
  std::string hint;
};

Meaning meaning(int status, const std::string& hotel) {
  if (status >= 500) {
    return {ExitStatus::kUnavailable,
            "nothing was taken, the next run tries again; give Oracle the x-request-id if it "
            "stays"};
  }
  switch (status) {
    case 429:
      return {ExitStatus::kUnavailable,
              "nothing was taken, the next run tries again; the gateway's limit is shared by all "
              "who use it: poll less often if it stays"};
    case 401:
      return {ExitStatus::kRefused,
              "the gateway refuses even a new access token: check OHIP_APP_KEY and whether the "
              "application may use this gateway; this run does not try again"};
    case 402:
    case 403:
      return {ExitStatus::kRefused,
              fmt::format("check that hotel {} exists, that the application is subscribed to the "
                          "Poll API, that its user may read the hotel and that this machine's "
                          "address is allowed",
                          hotel)};
    default:
      return {ExitStatus::kConfig,
              fmt::format("check OHIP_GATEWAY_URL, the external system's code and that hotel {} is "
                          "attached to it",
                          hotel)};
  }
}

}  // namespace

PollOutcome poll_outcome(const HttpResponse& response) {
  if (response.status == 0) {
    return response.transfer == Transfer::kNoAnswer ? PollOutcome::kPossibleLoss
                                                    : PollOutcome::kNothingTaken;
  }
  switch (look_up(response.status)) {
    case Proof::kAnswered:
      return PollOutcome::kAnswered;
    case Proof::kNothingTaken:
      return PollOutcome::kNothingTaken;
    case Proof::kAsItsBodySays:
      return is_oracles_error(response.body) ? PollOutcome::kNothingTaken
                                             : PollOutcome::kPossibleLoss;
    default:
      return PollOutcome::kPossibleLoss;
  }
}

Error refusal(const HttpResponse& response, const std::string& hotel,
              const std::string& request_id) {
  if (response.status == 0) {
    return unsent_error(response);
  }
  const Meaning means = meaning(response.status, hotel);
  // A refused token is every hotel's: which one was asked is said here.
  const std::string asked =
      response.status == 401 ? fmt::format(" when asked for hotel {}", hotel) : "";
  return {means.status, fmt::format("OHIP answers {}{}", describe_answer(response), asked),
          means.hint, "x-request-id " + request_id};
}

}  // namespace ohip
