#include "poll/poll_outcome.h"

#include <string>

#include "support/catch.h"

using namespace ohip;

namespace {

const std::string kOracles =
    R"({"type":"Bad Request","title":"No","o:errorCode":"OPERAWS-GEN01244"})";

HttpResponse response(int status, const std::string& body = {}) {
  HttpResponse response;
  response.transfer = Transfer::kWhole;
  response.status = status;
  response.body = body;
  return response;
}

PollOutcome outcome(int status, const std::string& body = {}) {
  return poll_outcome(response(status, body));
}

}  // namespace

TEST_CASE("a refused request was not carried out, whatever the body says") {
  for (int status = 400; status < 500; ++status) {
    const PollOutcome expected =
        status == 408 ? PollOutcome::kPossibleLoss : PollOutcome::kNothingTaken;
    for (const std::string& body : {std::string(), std::string("<html>"), kOracles}) {
      CAPTURE(status, body);
      CHECK(outcome(status, body) == expected);
    }
  }
  CHECK(outcome(503) == PollOutcome::kNothingTaken);
  CHECK(outcome(302, "<html>") == PollOutcome::kNothingTaken);
}

TEST_CASE("what gave up waiting for OPERA proves nothing, whatever the body says") {
  for (const int status : {408, 504, 506, 507, 511, 520, 524, 530, 598, 599, 600, 999}) {
    CAPTURE(status);
    CHECK(outcome(status) == PollOutcome::kPossibleLoss);
    CHECK(outcome(status, kOracles) == PollOutcome::kPossibleLoss);
  }
}

TEST_CASE("a failure is OPERA's only where Oracle's error object says so") {
  const int status = GENERATE(500, 501, 502, 505);
  for (const char* const body :
       {R"({"o:errorCode":"OPERAWS-GEN00001"})", R"({"o:errorCode":17})",
        R"({"type":"Bad Request","title":"No"})", R"( {"title":"No","type":"x","x":[1e40]} )",
        R"({"type":"about:blank","title":"No","o:errorCode":"OPICS-1"})"}) {
    CAPTURE(status, body);
    CHECK(outcome(status, body) == PollOutcome::kNothingTaken);
  }
  for (const char* const body :
       {"", "<html>502 Bad Gateway</html>", "upstream connect error", "{}", "null", "[]",
        R"({"type":"x"})", R"({"title":"Bad Gateway"})", R"({"error":"o:errorCode"})",
        R"({"o:errorCode":""})", R"({"o:errorCode":null})", R"({"o:errorCode":{}})",
        R"(["o:errorCode"])", R"({"x":{"o:errorCode":"OPERAWS-GEN00001"}})",
        R"({"o:errorCode":"OPERAWS-GEN00001")", R"({"o:errorCode":"OPERAWS-GEN00001"} x)",
        R"({"type":"about:blank","title":"Bad Gateway","status":502})"}) {
    CAPTURE(status, body);
    CHECK(outcome(status, body) == PollOutcome::kPossibleLoss);
  }
}

TEST_CASE("without a status it counts whether the request was sent") {
  HttpResponse none;
  for (const Transfer transfer :
       {Transfer::kUnreachable, Transfer::kUntrusted, Transfer::kNotSent}) {
    none.transfer = transfer;
    CHECK(poll_outcome(none) == PollOutcome::kNothingTaken);
  }
  none.transfer = Transfer::kNoAnswer;
  CHECK(poll_outcome(none) == PollOutcome::kPossibleLoss);
}

TEST_CASE("an answer with events is one") {
  CHECK(outcome(200) == PollOutcome::kAnswered);
  CHECK(outcome(204) == PollOutcome::kAnswered);
}

TEST_CASE("each refusal has its exit status, and names what to do") {
  const auto [status, expected] =
      GENERATE(std::pair{401, ExitStatus::kRefused}, std::pair{403, ExitStatus::kRefused},
               std::pair{404, ExitStatus::kConfig}, std::pair{302, ExitStatus::kConfig},
               std::pair{429, ExitStatus::kUnavailable}, std::pair{500, ExitStatus::kUnavailable},
               std::pair{501, ExitStatus::kUnavailable}, std::pair{503, ExitStatus::kUnavailable});
  const Error error = refusal(response(status, kOracles), "ABC", "id-1");
  CHECK(error.status() == expected);
  CHECK_FALSE(error.hint().empty());
  CHECK(error.detail() == "x-request-id id-1");
  CHECK((std::string(error.what()).find("hotel ABC") != std::string::npos) == (status == 401));
}
