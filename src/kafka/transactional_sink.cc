#include "kafka/transactional_sink.h"

#include <algorithm>
#include <array>
#include <thread>
#include <utility>

#include "kafka/error.h"
#include "kafka/group_client.h"

namespace ohip {
namespace {

using State = Delivery::State;

constexpr Milliseconds kFresh{10'000};
constexpr Milliseconds kAsking{30'000};
constexpr Milliseconds kInit{30'000};  // an aborted transaction's markers have been written by then
constexpr Milliseconds kFirstPause{500};
constexpr Milliseconds kSending{45'000};
constexpr Milliseconds kCommitting{30'000};  // a broker killed and started again took 19 s
constexpr Milliseconds kAborting{5'000};
constexpr int kTries = 5;
constexpr Milliseconds kCall{5'000};  // of one call into librdkafka

int call_time() {
  return static_cast<int>(kCall.count());
}

std::map<std::string, std::string> with_id(std::map<std::string, std::string> properties,
                                           const GroupPlace& place) {
  properties["transactional.id"] = place.group;
  properties.emplace("transaction.timeout.ms", "90000");  // covers sending and committing
  return properties;
}

bool tells_of_a_fence(rd_kafka_resp_err_t code) {
  static constexpr std::array kCodes = {
      RD_KAFKA_RESP_ERR__FENCED, RD_KAFKA_RESP_ERR_PRODUCER_FENCED,
      RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING};
  return std::find(kCodes.begin(), kCodes.end(), code) != kCodes.end();
}

Error undelivered(const Delivery& delivery) {
  const bool passing = delivery.status == ExitStatus::kPending;
  return {passing ? ExitStatus::kUnavailable : delivery.status, delivery.reason,
          passing ? "nothing of it is in the topic; the next run tries again" : ""};
}

}  // namespace

TransactionalSink::TransactionalSink(std::map<std::string, std::string> properties,
                                     GroupPlace place, const Log& log)
    : properties_(with_id(std::move(properties), place)), place_(std::move(place)), log_(log) {
  client_ = std::make_unique<KafkaClient>(properties_, log_, kFresh);
}

void TransactionalSink::check(const std::set<std::string>& topics) {
  client_->check(topics);
  if (!topics.contains(place_.topic)) {
    client_->ask(place_.topic);
  }
}

std::optional<GroupOffset> TransactionalSink::committed() {
  return committed_by(place_);
}

std::optional<GroupOffset> TransactionalSink::committed_by(const GroupPlace& place) {
  return position_of(place, false);
}

std::optional<GroupOffset> TransactionalSink::position_of(const GroupPlace& place,
                                                          bool stable) const {
  return GroupClient(properties_, place, stable, log_).ask(kAsking);
}

std::optional<GroupOffset> TransactionalSink::take_over() {
  if (initialized_) {
    renew();
  } else {
    init();
  }
  last_ = position_of(place_, true);
  return last_;
}

void TransactionalSink::commit(std::span<const Record> records,
                               const std::optional<GroupOffset>& position,
                               const OnRefused& on_refused) {
  switch (attempt(records, position)) {
    case Outcome::kCommitted:
      last_ = position ? position : last_;
      return;
    case Outcome::kRefused:
      put_aside(records, position, on_refused);
      return;
    case Outcome::kFenced:
      if (!came_through(position)) {
        commit(records, position, on_refused);
      }
      return;
  }
}

TransactionalSink::Outcome TransactionalSink::attempt(std::span<const Record> records,
                                                      const std::optional<GroupOffset>& position) {
  begin();
  const std::vector<Delivery> fates = send(records);
  refused_.clear();
  for (std::size_t i = 0; i < fates.size(); ++i) {
    if (fates[i].state == State::kRefused) {
      refused_.push_back({i, fates[i].reason});
    }
  }
  const auto stuck = std::find_if(fates.begin(), fates.end(), [](const Delivery& delivery) {
    return delivery.state == State::kUndelivered;
  });
  if (refused_.empty() && stuck == fates.end()) {
    return store(place_, position);
  }
  abort();
  if (!refused_.empty()) {
    return Outcome::kRefused;
  }
  if (is_fenced()) {
    return Outcome::kFenced;
  }
  throw undelivered(*stuck);
}

// Idempotence keeps the order, so all may be on their way at once.
std::vector<Delivery> TransactionalSink::send(std::span<const Record> records) {
  const SteadyPoint end = steady_now() + kSending;
  if (!alone_) {
    return client_->send(records, end);
  }
  std::vector<Delivery> fates;
  for (std::size_t i = 0; i < records.size(); ++i) {
    fates.push_back(client_->send(records.subspan(i, 1), end).front());
    if (fates.back().state != State::kAcknowledged) {
      break;
    }
  }
  return fates;
}

// A broker refuses a request, not a record; and after it librdkafka's producer fails once more.
void TransactionalSink::put_aside(std::span<const Record> records,
                                  const std::optional<GroupOffset>& position,
                                  const OnRefused& on_refused) {
  renew();
  std::vector<bool> out(records.size(), false);
  const std::vector<Refusal> found = culprits(records);
  if (found.size() == records.size() && records.size() > 1) {
    fail(ExitStatus::kConfig, "{}: all of {} events", found.front().reason, records.size());
  }
  for (const Refusal& refusal : found) {
    on_refused(refusal.index, refusal.reason);
    out[refusal.index] = true;
  }
  alone_ |= found.empty();
  std::vector<Record> rest;
  std::vector<std::size_t> index;
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (!out[i]) {
      rest.push_back(records[i]);
      index.push_back(i);
    }
  }
  commit(rest, position,
         [&](std::size_t i, const std::string& reason) { on_refused(index[i], reason); });
}

// Each suspect alone, in transactions that are aborted whatever comes of it.
std::vector<TransactionalSink::Refusal> TransactionalSink::culprits(
    std::span<const Record> records) {
  std::vector<Refusal> found;
  const std::vector<Refusal> suspects = refused_;
  bool open = false;
  for (const Refusal& suspect : suspects) {
    if (!std::exchange(open, true)) {
      begin();
    }
    const Delivery fate =
        client_->send(records.subspan(suspect.index, 1), steady_now() + kSending).front();
    if (fate.state == State::kAcknowledged) {
      continue;
    }
    abort();
    if (fate.state != State::kRefused) {
      throw undelivered(fate);
    }
    found.push_back({suspect.index, fate.reason});
    renew();
    open = false;
  }
  if (open) {
    abort();
  }
  return found;
}

// Fenced is no proof of a second machine: librdkafka says so, too, after a reconnect or an answer
// that it did not expect. Kafka knows what is true; once a run it is asked.
bool TransactionalSink::came_through(const std::optional<GroupOffset>& position) {
  const Error taken(
      ExitStatus::kUnavailable,
      fmt::format("Kafka: another producer has taken over transactional id {}", place_.group),
      "it goes on from where this one ended; should only one run, look for a second "
      "machine");
  const auto ask = [&](bool stable) { return position_of(place_, stable); };
  const auto is_ours = [&](const std::optional<GroupOffset>& found) {
    return found == position || found == last_;
  };
  if (std::exchange(was_fenced_, true)) {
    throw Error(taken);
  }
  log_.info("Kafka took the transactional id away; asking for the position again");
  // First without taking it back, lest a second machine that is at work be fenced in turn. Such an
  // answer may be a commit behind for a moment.
  for (int tries = 1; !is_ours(ask(false)); ++tries) {
    if (tries == kTries) {
      throw Error(taken);
    }
    std::this_thread::sleep_for(kFirstPause);
  }
  renew();
  const std::optional<GroupOffset> found = ask(true);
  if (!is_ours(found)) {
    throw Error(taken);
  }
  last_ = found;
  return position && found == position;  // without one it cannot be told: once more
}

void TransactionalSink::rehearse(const GroupPlace& place, const GroupOffset& position) {
  begin();
  const Handle<rd_kafka_consumer_group_metadata_t, rd_kafka_consumer_group_metadata_destroy> group(
      rd_kafka_consumer_group_metadata_new(place.group.c_str()));
  const KafkaPartitions offsets = partition_list(place, position);
  const KafkaError error(rd_kafka_send_offsets_to_transaction(client_->handle(), offsets.get(),
                                                              group.get(), call_time()));
  abort();
  if (error) {
    throw group_trouble(rd_kafka_error_code(error.get()), place);
  }
}

void TransactionalSink::renew() {
  client_ = std::make_unique<KafkaClient>(properties_, log_, kFresh);
  init();
}

// Each try may use up one of the id's 32,767 epochs: few of them.
void TransactionalSink::init() {
  const SteadyPoint end = steady_now() + kInit;
  for (Milliseconds pause = kFirstPause;; pause *= 2) {
    client_->throw_if_lasting();
    const KafkaError error(
        rd_kafka_init_transactions(client_->handle(), static_cast<int>((2 * kCall).count())));
    if (!error) {
      initialized_ = true;
      return;
    }
    const rd_kafka_resp_err_t code = rd_kafka_error_code(error.get());
    const Error trouble = group_trouble(code, place_);
    if (rd_kafka_error_is_retriable(error.get()) == 0 || steady_now() + pause > end) {
      throw Error(trouble);
    }
    log_.info("{}; asking again", trouble.what());
    std::this_thread::sleep_for(pause);
  }
}

void TransactionalSink::begin() {
  client_->throw_if_lasting();
  const KafkaError error(rd_kafka_begin_transaction(client_->handle()));
  if (error) {
    throw group_trouble(rd_kafka_error_code(error.get()), place_);
  }
}

// The position, and the end. A call whose time is over goes on when it is made again.
TransactionalSink::Outcome TransactionalSink::store(const GroupPlace& place,
                                                    const std::optional<GroupOffset>& position) {
  const Handle<rd_kafka_consumer_group_metadata_t, rd_kafka_consumer_group_metadata_destroy> group(
      rd_kafka_consumer_group_metadata_new(place.group.c_str()));
  const KafkaPartitions offsets = partition_list(place, position.value_or(GroupOffset{}));
  const SteadyPoint end = steady_now() + kCommitting;
  bool sent = !position;
  for (;;) {
    const KafkaError error(sent ? rd_kafka_commit_transaction(client_->handle(), call_time())
                                : rd_kafka_send_offsets_to_transaction(
                                      client_->handle(), offsets.get(), group.get(), call_time()));
    if (!error) {
      if (std::exchange(sent, true)) {
        return Outcome::kCommitted;
      }
      continue;
    }
    const rd_kafka_resp_err_t code = rd_kafka_error_code(error.get());
    if (is_fenced() || tells_of_a_fence(code)) {
      return Outcome::kFenced;
    }
    if (rd_kafka_error_is_retriable(error.get()) == 0 || steady_now() > end) {
      if (rd_kafka_error_txn_requires_abort(error.get()) != 0) {
        abort();
      }
      throw group_trouble(code, place);
    }
  }
}

// Where it fails the transaction stays open until the next producer's init_transactions.
void TransactionalSink::abort() {
  if (is_fenced()) {
    return;
  }
  const KafkaError error(
      rd_kafka_abort_transaction(client_->handle(), static_cast<int>(kAborting.count())));
  if (error) {
    log_.debug("kafka: abort_transaction: {}", rd_kafka_error_string(error.get()));
  }
}

bool TransactionalSink::is_fenced() const {
  std::array<char, 256> reason{};
  return tells_of_a_fence(rd_kafka_fatal_error(client_->handle(), reason.data(), reason.size()));
}

}  // namespace ohip
