#include "poll/poll_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/request_id.h"
#include "event/decoder.h"
#include "http/backoff.h"
#include "http/wording.h"
#include "poll/poll_outcome.h"

namespace ohip {
namespace {

using namespace std::chrono_literals;

constexpr Milliseconds kConnectTimeout = 10s;

std::string url(const Config& config, const std::string& hotel, std::size_t limit) {
  const std::string scope =
      config.scope == QueueScope::kHotel ? "/hotels/" + percent_encode(hotel) : "";
  return fmt::format("{}/int/v1/externalSystem/{}{}/businessEvents?limit={}", config.gateway.url,
                     percent_encode(config.external_system), scope, limit);
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
    switch (poll_outcome(response)) {
      case PollOutcome::kAnswered:
        return settle(last);
      case PollOutcome::kPossibleLoss:
        lose(last, response.status == 0
                       ? "OHIP was asked and did not answer: " + response.error
                       : "OHIP was asked and answered " + describe_answer(response));
      case PollOutcome::kNothingTaken:
        break;
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
  poll.limit = spool.in_doubt() ? 1 : static_cast<std::size_t>(config_.limit);
  {
    const Stopwatch watch(report_.steps.spool);
    poll.part.emplace(spool.reserve(poll.request_id, poll.time, poll.limit));
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
      .url = url(config_, hotel_, poll.limit),
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
  const bool whole = response.delimited || response.status == 204;
  if (!is_blank(response.body)) {
    const Stopwatch watch(report_.steps.spool);
    return poll.part->keep(std::move(response.body), clock_.now(), whole);
  }
  if (!whole) {
    lose(poll, "OHIP's response broke off before its first event" +
                   (response.error.empty() ? "" : ": " + response.error));
  }
  poll.part->discard();
  return std::nullopt;
}

void PollSource::lose(Poll& poll, const std::string& what) {
  const std::string message =
      fmt::format("{}: up to {} may be lost", what, plural(poll.limit, "event", "events"));
  const std::string detail =
      fmt::format("x-request-id {}, {}", poll.request_id, rfc3339_utc(poll.time));
  const std::string instead = poll.response.status == 0 ? poll.response.body : "";
  const std::filesystem::path note = poll.part->lost(
      fmt::format(
          "{} ({})\n{}", message, detail,
          instead.empty() ? "" : "what was received instead is in the file beside this one\n"),
      instead);
  report_.possibly_lost += poll.limit;
  throw Error(ExitStatus::kPossibleLoss, message,
              fmt::format("find out in OPERA what changed around that time and compare with what "
                          "your consumers got; noted in {}",
                          note.string()),
              detail);
}

void PollSource::give_up(const Poll& poll) {
  const Error error = refusal(poll.response, hotel_, poll.request_id);
  if (poll.response.status == 401) {
    oauth_.refuse(error);
  }
  throw Error(error);
}

}  // namespace ohip
