#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "support/scripted_broker.h"

namespace ohip {

// As much of a Kafka broker as a client sees that is refused: ApiVersions, SaslHandshake,
// SaslAuthenticate.
class SaslBroker {
 public:
  // late: after which it refuses, as Apache Kafka's connection.failed.authentication.delay.ms.
  explicit SaslBroker(std::string mechanism = "PLAIN", std::string says = "Authentication failed",
                      std::chrono::milliseconds late = {})
      : mechanism_(std::move(mechanism)), says_(std::move(says)), late_(late) {}

  std::string address() const { return broker_.address(); }
  int attempts() const { return broker_.requests(wire::kSaslAuthenticate); }  // passwords seen

 private:
  static constexpr int kUnsupportedMechanism = 33;
  static constexpr int kAuthenticationFailed = 58;

  std::optional<std::string> answer(int api, int version) const {
    switch (api) {
      case wire::kApiVersions:
        return wire::versions(version, {{wire::kProduce, 7},
                                        {wire::kMetadata, 2},
                                        {wire::kSaslHandshake, 1},
                                        {wire::kApiVersions, 0},
                                        {wire::kSaslAuthenticate, 0}});
      case wire::kSaslHandshake:
        return wire::int16(mechanism_ == "PLAIN" ? 0 : kUnsupportedMechanism) +
               wire::array({wire::text(mechanism_)});
      default:
        std::this_thread::sleep_for(late_);
        return wire::int16(kAuthenticationFailed) + wire::text(says_) + wire::int32(0);
    }
  }

  const std::string mechanism_;
  const std::string says_;
  const std::chrono::milliseconds late_;
  ScriptedBroker broker_{[this](int api, int version) { return answer(api, version); }};
};

}  // namespace ohip
