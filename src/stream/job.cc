#include "stream/job.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/random.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/request_id.h"
#include "base/secrets.h"
#include "base/wakeup.h"
#include "http/client.h"
#include "http/websocket.h"
#include "kafka/plain_sink.h"
#include "kafka/transactional_sink.h"
#include "ohip/access_token.h"
#include "ohip/oauth.h"
#include "spool/spool.h"
#include "stream/session.h"
#include "stream/stream_name.h"
#include "stream/writer.h"

namespace ohip {
namespace {

using namespace std::chrono_literals;

constexpr const char* kSubprotocol = "graphql-transport-ws";
constexpr auto kLongestTurn = 1s;  // a signal is seen within it
constexpr auto kMetricsInterval = 15s;
constexpr auto kProgressInterval = 250ms;
constexpr auto kSpareLife = 2min;     // of a token, beyond the run
constexpr auto kUsualLife = 50min;    // of a token, where the run has no end
constexpr auto kShortLife = 5min;     // the same, to drain
constexpr auto kAssumedLife = 50min;  // of a token that does not say
// Longer than any single step with Kafka takes by its own time-outs; and of a run that was told to
// stop, from there on.
constexpr auto kHung = 150s;
constexpr auto kStopping = 34s;

Moment this_moment(const Clock& clock) {
  return {clock.steady(), clock.now()};
}

Subscription subscription_of(const Config& config) {
  Subscription subscription;
  subscription.chain = config.chain;
  subscription.hotels = fmt::format("{}", fmt::join(config.hotels, ","));
  subscription.delta = config.delta;
  subscription.highest = config.from == "highest";
  subscription.from = subscription.highest ? "" : config.from;
  check_subscription(subscription);
  return subscription;
}

// Nothing where the spool is not to be had and nobody relies on it; held: by another run.
std::optional<Spool> open_spool(const Config& config, const StreamName& name, const Log& log,
                                bool& held) {
  if (config.spool_dir.empty()) {
    return std::nullopt;
  }
  try {
    std::optional<Spool> spool = Spool::open(config.spool_dir, name.queue());
    held = !spool;
    return spool;
  } catch (const Error& error) {
    if (config.spool_dir_named) {
      throw;
    }
    log.info("no spool directory, and none is needed: {}", error.what());
    return std::nullopt;
  }
}

class Job {
 public:
  Job(const Config& config, Clock& clock, const Stop& stop, const Log& log,
      const std::function<void(const StreamReport&)>& show, StreamReport& report)
      : config_(config),
        clock_(clock),
        stop_(stop),
        log_(log),
        show_(show),
        report_(report),
        name_(config),
        subscription_(subscription_of(config)),
        deadline_(clock, life()),
        spool_(open_spool(config, name_, log, report.held)),
        route_{config.ca_file, config.proxy, config.no_proxy, config.proxy_login},
        http_(route_),
        oauth_(config.gateway, config.credentials, spool_ ? config.spool_dir : kNowhere, clock,
               deadline_) {}

  void run() {
    if (report_.held) {
      log_.notice("another run is at it");
      return;
    }
    writer_.emplace(writer_setup(), wakeup_);
    const SteadyPoint end = config_.run_for.count() > 0 ? clock_.steady() + config_.run_for
                                                        : clock_.steady() + std::chrono::hours(24);
    Session session({subscription_, config_.credentials.app_key, end, drains()},
                    this_moment(clock_), random);
    while (!session.ended()) {
      take_turn(session);
    }
    perform_all(session);
    socket_.reset();
    log_.status_line({});
    finish();
  }

 private:
  // Where no file can be made: a token is then kept for this run alone.
  static inline const std::filesystem::path kNowhere = "/dev/null";

  bool drains() const { return config_.mode == Mode::kDrain; }

  Milliseconds life() const {
    return config_.run_for.count() > 0 ? config_.run_for : Milliseconds(kUsualLife);
  }

  // 0 … 1, for waits. std::random_device may want a /dev/urandom, which a bare root has not.
  static double random() {
    std::uint32_t number = 0;
    if (getrandom(&number, sizeof number, 0) != sizeof number) {
      fail(ExitStatus::kSoftware, "getrandom failed");
    }
    return number / static_cast<double>(std::numeric_limits<std::uint32_t>::max());
  }

  Writer::Setup writer_setup() {
    Writer::Setup setup;
    setup.make_sink = [this]() -> std::unique_ptr<Sink> {
      const GroupPlace place = name_.place(config_);
      if (config_.kafka_profile == KafkaProfile::kKafka) {
        return std::make_unique<TransactionalSink>(config_.kafka, place, log_);
      }
      return std::make_unique<PlainSink>(config_.kafka, place, log_);
    };
    setup.origin = {name_.gateway, name_.chain, config_.topic};
    setup.from = subscription_.has_from();
    setup.replay = subscription_.replay();
    setup.spool = spool_ ? &*spool_ : nullptr;
    return setup;
  }

  void take_turn(Session& session) {
    perform_all(session);
    if (session.ended()) {
      return;
    }
    const Milliseconds wait = std::clamp<Milliseconds>(
        std::chrono::ceil<Milliseconds>(
            std::min<SteadyPoint>(session.next_tick(), clock_.steady() + kLongestTurn) -
            clock_.steady()),
        0ms, kLongestTurn);
    if (socket_) {
      turn_socket(session, wait);
    } else {
      pollfd woken{wakeup_.fd(), POLLIN, 0};
      ::poll(&woken, 1, static_cast<int>(wait.count()));
      wakeup_.clear();
    }
    const bool busy = writer_->busy_since().has_value();
    for (const Writer::Report& report : writer_->reports()) {
      report(session, this_moment(clock_));
    }
    if (!busy && !session.ended()) {  // events would have been begun with by now
      report_.quiet = std::max(report_.quiet, session.quiet());
    }
    if (stop_.requested() && !stopped_) {
      stopped_ = clock_.steady();
      session.stop(this_moment(clock_));
    }
    session.tick(this_moment(clock_));
    give_up_on_a_hung_writer(session);
    show();
    show_progress();
  }

  void turn_socket(Session& session, Milliseconds wait) {
    const WebSocketTurn turn = socket_->turn(wait, session.reading());
    if (turn.heard) {
      session.heard(this_moment(clock_));
    }
    for (const std::string& text : turn.messages) {
      session.message(this_moment(clock_), text);
    }
    if (turn.end) {
      ++report_.closes[std::to_string(turn.end->code)];
      log_.info("the web socket is closed: {} {}", turn.end->code, masked(turn.end->reason));
      report_.connected = false;
      socket_.reset();
      session.closed(this_moment(clock_), turn.end->code, turn.end->reason, turn.end->by_us);
    }
  }

  // Also what comes of it: a socket that has just been opened is not waited on before something is
  // said.
  void perform_all(Session& session) {
    for (std::vector<Action> actions = session.actions(); !actions.empty();
         actions = session.actions()) {
      for (Action& action : actions) {
        std::visit([&](auto& each) { perform(session, each); }, action);
      }
    }
  }

  void perform(Session& /*session*/, action::AskPosition& /*action*/) { writer_->ask_position(); }
  void perform(Session& /*session*/, action::TakeOver& action) {
    report_.connected = true;
    writer_->take_over(action);
  }
  void perform(Session& /*session*/, action::Publish& action) {
    ++report_.taken;
    writer_->publish(std::move(action.event));
  }
  void perform(Session& /*session*/, action::Settle& action) { writer_->settle(action); }
  void perform(Session& /*session*/, action::Send& action) {
    if (socket_) {
      socket_->send(action.text);
    }
  }
  void perform(Session& /*session*/, action::Close& action) {
    if (socket_) {
      socket_->close(action.code);
    }
  }
  void perform(Session& /*session*/, action::Tell& action) { report_.add(action.error); }
  void perform(Session& /*session*/, action::Note& action) { log_.info("{}", action.text); }
  void perform(Session& /*session*/, action::End& action) {
    if (action.error) {
      report_.add(*action.error);
    }
  }

  void perform(Session& session, action::Connect& action) {
    Opening opening;
    try {
      opening = opening_with_token(action.new_token);
    } catch (const Error& error) {
      session.failed(this_moment(clock_), error);
      return;
    }
    socket_.emplace(route_, wakeup_);
    WebSocketRequest request;
    request.url = name_.url(config_);
    request.subprotocol = kSubprotocol;
    request.give_up = [this] { return stop_.requested(); };
    const WebSocketAnswer answer = socket_->open(request);
    if (answer.open) {
      ++report_.connections;
      session.opened(this_moment(clock_), opening);
      return;
    }
    socket_.reset();
    const Refusal refusal = refusal_in(answer);
    ++report_.closes[fmt::format("refused {}", refusal.status)];
    session.refused(this_moment(clock_), refusal);
  }

  // A token that lasts for the run: one from the cache may be old.
  Opening opening_with_token(bool anew) {
    if (anew) {
      oauth_.forget(token_);
    }
    const Milliseconds needed =
        drains() ? Milliseconds(kShortLife) : deadline_.left() + Milliseconds(kSpareLife);
    const std::size_t fetches = oauth_.fetches();
    token_ = oauth_.token(http_);
    if (oauth_.fetches() == fetches && expiry() - clock_.now() < needed) {
      oauth_.forget(token_);
      token_ = oauth_.token(http_);
    }
    report_.token_fetches = oauth_.fetches();
    return {token_, expiry(), make_request_id()};
  }

  TimePoint expiry() const { return jwt_expiry(token_).value_or(clock_.now() + kAssumedLife); }

  // Not even librdkafka's own time-outs ended it. What it has open, the next run settles.
  void give_up_on_a_hung_writer(Session& session) {
    const std::optional<SteadyPoint> since = writer_->busy_since();
    const bool hung = since && clock_.steady() - *since > kHung;
    const bool late = since && stopped_ && clock_.steady() - *stopped_ > kStopping;
    if (!session.ended() && (hung || late)) {
      report_.add(Error(ExitStatus::kUnavailable, "Kafka does not answer",
                        "the next run goes on from the position in Kafka"));
      finish_report();
      tell_findings();
      std::_Exit(static_cast<int>(report_.status));
    }
  }

  void show() {
    if (clock_.steady() < next_metrics_ && report_.connected == shown_connected_) {
      return;
    }
    shown_connected_ = report_.connected;
    next_metrics_ = clock_.steady() + kMetricsInterval;
    take_written();
    show_(report_);
  }

  void show_progress() {
    if (log_.on_terminal() && clock_.steady() >= next_progress_) {
      next_progress_ = clock_.steady() + kProgressInterval;
      log_.status_line(fmt::format("{}, {} taken, {} delivered, {} s",
                                   report_.connected ? "connected" : "not connected", report_.taken,
                                   writer_->written().delivered, (clock_.steady() - begin_) / 1s));
    }
  }

  void take_written() {
    const Written written = writer_->written();
    report_.delivered = written.delivered;
    report_.delivered_by_type = written.delivered_by_type;
    report_.quarantined = written.quarantined;
    report_.commits = written.commits;
    report_.position = written.position;
    for (; told_ < written.problems.size(); ++told_) {
      report_.add(written.problems[told_]);
    }
  }

  void finish_report() {
    take_written();
    report_.connected = false;
    if (is_bearable()) {
      report_.status = ExitStatus::kOk;
    }
  }

  void finish() {
    finish_report();
    tell_findings();
    writer_.reset();
  }

  // Unavailability that has not lasted for long enough to be told (--alert-after).
  bool is_bearable() const {
    if (config_.alert_after == Milliseconds::zero() || !spool_) {
      return false;
    }
    if (report_.status != ExitStatus::kUnavailable) {
      Spool::end_unserved(config_.spool_dir, name_.queue());
      return false;
    }
    const TimePoint since = Spool::unserved_since(config_.spool_dir, name_.queue(), clock_.now());
    return clock_.now() - since < config_.alert_after;
  }

  void tell_findings() const {
    for (const Error& problem : report_.problems) {
      if (report_.status == ExitStatus::kOk) {
        log_.notice("not yet an alert: {}", problem.what());
      } else {
        log_.error(problem, "chain " + name_.chain);
      }
    }
  }

  const Config& config_;
  Clock& clock_;
  const Stop& stop_;
  const Log& log_;
  const std::function<void(const StreamReport&)>& show_;
  StreamReport& report_;
  const StreamName name_;
  const Subscription subscription_;
  const Deadline deadline_;
  std::optional<Spool> spool_;
  const Route route_;
  CurlHttpClient http_;
  OAuth oauth_;
  std::string token_;
  const Wakeup wakeup_;
  std::optional<Writer> writer_;
  std::optional<WebSocket> socket_;
  std::optional<SteadyPoint> stopped_;
  const SteadyPoint begin_ = clock_.steady();
  SteadyPoint next_progress_{};
  SteadyPoint next_metrics_{};
  bool shown_connected_ = false;
  std::size_t told_ = 0;
};

void summarize(const StreamReport& report, const Log& log) {
  log.notice("chain {}: {} taken, {} delivered, {} quarantined, {} in {:.1f} s", report.chain,
             report.taken, report.delivered, report.quarantined,
             plural(report.connections, "connection", "connections"),
             std::chrono::duration<double>(report.duration).count());
}

}  // namespace

StreamReport run_stream_job(const Config& config, Clock& clock, const Stop& stop, const Log& log,
                            const std::function<void(const StreamReport&)>& show) {
  StreamReport report;
  report.run_id = log.run_id();
  report.chain = config.chain;
  report.begin = clock.now();
  const SteadyPoint begin = clock.steady();
  try {
    Job(config, clock, stop, log, show, report).run();
  } catch (const Error& error) {
    log.error(error);
    report.add(error);
  }
  report.duration = std::chrono::duration_cast<Milliseconds>(clock.steady() - begin);
  summarize(report, log);
  return report;
}

}  // namespace ohip
