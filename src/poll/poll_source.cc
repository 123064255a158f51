#include "poll/poll_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/request_id.h"
#include "http/backoff.h"
#include "http/wording.h"

namespace ohip {
namespace {

using namespace std::chrono_literals;

constexpr Milliseconds kConnectTimeout = 10s;

std::string url(const Config& config, const std::string& hotel) {
  const std::string scope =
      config.scope == QueueScope::kHotel ? "/hotels/" + percent_encode(hotel) : "";
  return fmt::format("{}/int/v1/externalSystem/{}{}/businessEvents?limit={}", config.gateway.url,
                     percent_encode(config.external_system), scope, config.limit);
}

bool is_blank(std::string_view body) {
  return body.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

// OPERA may have taken events off the queue, and they did not reach us. 408: the gateway had our
// whole request, so it can only mean that something behind it did not answer in time.
bool may_have_lost(const HttpResponse& response) {
  switch (response.status) {
    case 0:
      return response.transfer == Transfer::kNoAnswer;
    case 500:
    case 501:
    case 502:
    case 503:
    case 505:
      return false;
    default:
      return response.status == 408 || response.status >= 500;
  }
}

struct Meaning {
  ExitStatus status;
  std::string hint;
};

// Of an answer after which nothing was taken.
Meaning meaning(int status, const std::string& hotel) {
  switch (status) {
    case 429:
      return {ExitStatus::kUnavailable,
              "nothing was taken, the next run tries again; the gateway's limit is shared by all "
              "who use it: poll less often if it stays"};
    case 500:
    case 502:
    case 503:
      return {ExitStatus::kUnavailable,
              "nothing was taken, the next run tries again; give Oracle the x-request-id if it "
              "stays"};
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

PollSource::PollSource(const Config& config, std::string hotel, HttpClient& http, OAuth& oauth,
                       Pace& pace, Clock& clock, const Deadline& deadline, QueueReport& report)
    : config_(config),
      hotel_(std::move(hotel)),
      http_(http),
      oauth_(oauth),
      pace_(pace),
      clock_(clock),
      deadline_(deadline),
      report_(report) {}

bool PollSource::wait_for_turn() {
  const Stopwatch watch(report_.steps.wait);
  return pace_.wait_for_turn();
}

std::optional<Batch> PollSource::take(Spool& spool, const std::function<void()>& permit) {
  token_renewed_ = false;
  for (int attempt = 1;; ++attempt) {
    Poll last = ask(spool, permit);
    const HttpResponse& response = last.response;
    if (response.status != 0 && response.status != 429) {
      pace_.speed_up();
    }
    if (response.success()) {
      return settle(last);
    }
    if (may_have_lost(response)) {
      lose(last, response.status == 0 ? "OHIP was asked and did not answer: " + response.error
                                      : "OHIP was asked and answered " + describe_answer(response));
    }
    last.part->discard();
    last.part.reset();  // gone before any wait: a kill during it is no loss
    if (!may_try_again(last, attempt) || !wait_for_turn()) {
      give_up(last);
    }
  }
}

// Only after what OHIP provably did not process; waits as long as it must.
bool PollSource::may_try_again(const Poll& last, int attempt) {
  const HttpResponse& response = last.response;
  if (response.status == 401) {
    oauth_.forget(last.token);
    return !std::exchange(token_renewed_, true);
  }
  if (response.status == 429) {
    ++report_.throttled;
    pace_.slow_down(response.retry_after);
    return true;
  }
  const Stopwatch watch(report_.steps.wait);
  return was_not_sent(response) && wait_for_next_try(response, attempt, clock_, deadline_);
}

PollSource::Poll PollSource::ask(Spool& spool, const std::function<void()>& permit) {
  Poll poll;
  {
    const Stopwatch watch(report_.steps.token);
    poll.token = oauth_.token(http_);
  }
  poll.request_id = make_request_id();
  poll.time = clock_.now();
  {
    const Stopwatch watch(report_.steps.spool);
    poll.part.emplace(spool.reserve(poll.request_id, poll.time));
  }
  const Stopwatch watch(report_.steps.poll);
  poll.response = http_.send(request(poll, permit));
  if (poll.response.transfer == Transfer::kNotSent && !poll.part->error().empty()) {
    throw Error(ExitStatus::kSpool, poll.part->error(),
                "OHIP was not asked and nothing was taken: see to the disk and its permissions");
  }
  if (poll.response.status != 0 || poll.response.transfer == Transfer::kNoAnswer) {
    ++report_.polls;
    report_.request_ids.push_back(poll.request_id);
    spool.mark_polled();
  }
  return poll;
}

HttpRequest PollSource::request(Poll& poll, const std::function<void()>& permit) const {
  HttpRequest request{
      .url = url(config_, hotel_),
      .headers = {{"Authorization", "Bearer " + poll.token},
                  {"x-app-key", config_.credentials.app_key},
                  {"x-hotelid", hotel_},
                  {"x-request-id", poll.request_id},
                  {"x-externalsystem", config_.external_system},
                  {"x-originating-application", "ohip-poll"},
                  {"Accept", "application/json"}},
      .form = {},
      .connect_timeout = std::clamp<Milliseconds>(deadline_.left(), 1s, kConnectTimeout),
      .answer_timeout = config_.poll_timeout,
      .deadline = &deadline_,
      .takes = true,
      .on_send =
          [&] {
            permit();
            return poll.part->asked();
          },
      .on_body = [&](std::string_view piece) { poll.part->write(piece); }};
  if (config_.external_data) {
    request.headers.emplace_back("externalData", "true");
  }
  return request;
}

std::optional<Batch> PollSource::settle(Poll& poll) {
  HttpResponse& response = poll.response;
  if (!is_blank(response.body)) {
    const Stopwatch watch(report_.steps.spool);
    return poll.part->keep(std::move(response.body), clock_.now());
  }
  if (response.transfer != Transfer::kWhole && response.status != 204) {
    lose(poll, "OHIP's answer broke off before its first event: " + response.error);
  }
  poll.part->discard();
  return std::nullopt;
}

void PollSource::lose(Poll& poll, const std::string& what) {
  const auto limit = static_cast<std::size_t>(config_.limit);
  const std::string message = fmt::format("{}: up to {} events may be lost", what, limit);
  const std::string detail =
      fmt::format("x-request-id {}, {}", poll.request_id, rfc3339_utc(poll.time));
  const std::filesystem::path note = poll.part->lost(fmt::format("{} ({})\n", message, detail));
  report_.possibly_lost += limit;
  throw Error(ExitStatus::kPossibleLoss, message,
              fmt::format("find out in OPERA what changed around that time and compare with what "
                          "your consumers got; noted in {}",
                          note.string()),
              detail);
}

void PollSource::give_up(const Poll& poll) {
  const HttpResponse& response = poll.response;
  if (response.status == 0) {
    throw unsent_error(response);
  }
  const Meaning means = meaning(response.status, hotel_);
  const Error error(means.status, fmt::format("OHIP answers {}", describe_answer(response)),
                    means.hint, "x-request-id " + poll.request_id);
  if (response.status == 401) {
    oauth_.refuse(error);
  }
  throw Error(error);
}

}  // namespace ohip
