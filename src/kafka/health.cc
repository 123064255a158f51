#include "kafka/health.h"

#include <algorithm>

#include "kafka/error.h"

namespace ohip {
namespace {

constexpr Milliseconds kSilence{10'000};
constexpr Milliseconds kAllDown{2'000};  // librdkafka has tried each twice by then

bool needs_a_person(ExitStatus status) {
  return status == ExitStatus::kRefused || status == ExitStatus::kConfig;
}

}  // namespace

void KafkaHealth::failed(rd_kafka_resp_err_t code, std::string_view text) {
  const std::lock_guard lock(mutex_);
  checked_.clear();
  if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
    all_down_ = true;
    return;
  }
  const KafkaTrouble trouble = connection_trouble(code, text);
  if (!trouble.lasting) {
    trouble_ = trouble.error;
    unreachable_.insert_or_assign(trouble.address, trouble.error);
  } else if (!lasting_) {
    lasting_ = trouble.error;
  }
}

void KafkaHealth::died(rd_kafka_resp_err_t code, std::string_view text) {
  const std::lock_guard lock(mutex_);
  if (!lasting_) {
    lasting_ = fatal_trouble(code, text);
  }
}

void KafkaHealth::answered() {
  const std::lock_guard lock(mutex_);
  trouble_.reset();
  all_down_ = false;
}

void KafkaHealth::reached_all() {
  const std::lock_guard lock(mutex_);
  unreachable_.clear();
}

void KafkaHealth::checked(const std::set<std::string>& topics) {
  const std::lock_guard lock(mutex_);
  for (const std::string& topic : topics) {
    checked_[topic] = steady_now();
  }
}

void KafkaHealth::delivered(std::string_view topic, const Delivery& delivery) {
  if (delivery.state == Delivery::State::kAcknowledged) {
    answered();
  } else if (delivery.state == Delivery::State::kUndelivered) {
    bar(topic, Error(delivery.status, delivery.reason));
  }
}

void KafkaHealth::bar(std::string_view topic, const Error& error) {
  const std::lock_guard lock(mutex_);
  checked_.clear();
  if (needs_a_person(error.status())) {
    barred_.emplace(topic, error);
  }
}

std::optional<Error> KafkaHealth::trouble_with(const std::string& address) const {
  const std::lock_guard lock(mutex_);
  const auto found = unreachable_.find(address);
  return found == unreachable_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<Error> KafkaHealth::lasting() const {
  const std::lock_guard lock(mutex_);
  return lasting_;
}

bool KafkaHealth::is_fresh(const std::set<std::string>& topics) const {
  const std::lock_guard lock(mutex_);
  if (lasting_) {
    throw Error(*lasting_);
  }
  for (const std::string& topic : topics) {
    if (const auto barred = barred_.find(topic); barred != barred_.end()) {
      throw Error(barred->second);
    }
  }
  return std::all_of(topics.begin(), topics.end(), [this](const std::string& topic) {
    const auto checked = checked_.find(topic);
    return checked != checked_.end() && steady_now() - checked->second < fresh_for_;
  });
}

void KafkaHealth::throw_if_hopeless(SteadyPoint begin) const {
  const std::lock_guard lock(mutex_);
  if (lasting_) {
    throw Error(*lasting_);
  }
  if (steady_now() - begin > (all_down_ ? kAllDown : kSilence)) {
    throw Error(trouble_.value_or(Error(ExitStatus::kUnavailable, "Kafka: the brokers are silent",
                                        "check bootstrap.servers, the network and firewalls")));
  }
}

Delivery KafkaHealth::undelivered() const {
  const std::lock_guard lock(mutex_);
  if (lasting_) {
    const bool person = needs_a_person(lasting_->status());
    return {Delivery::State::kUndelivered, person ? lasting_->status() : ExitStatus::kPending,
            lasting_->what()};
  }
  return {Delivery::State::kUndelivered, ExitStatus::kPending,
          trouble_ ? trouble_->what() : "Kafka: not acknowledged in time"};
}

}  // namespace ohip
