#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>

#include "simulator/http.h"
#include "simulator/options.h"

namespace ohip::sim {

// POST /oauth/v1/tokens, and what has become of the tokens.
class Tokens {
 public:
  explicit Tokens(const Options& options) : options_(options) {}

  Reply answer(const Request& request);

  // An Authorization header with a token of ours that has neither expired nor been revoked.
  bool accepts(const std::string& authorization) const;

  void revoke_all() { live_.clear(); }

  std::uint64_t issued() const { return issued_; }

 private:
  using SystemTime = std::chrono::system_clock::time_point;

  // 200 or a refusal.
  Reply check(const Request& request) const;
  Reply check_grant(const Request& request, const Parameters& form) const;
  Reply issue();
  std::string make_token(SystemTime now) const;

  const Options& options_;
  std::map<std::string, SystemTime> live_;  // until when
  std::uint64_t issued_ = 0;
};

}  // namespace ohip::sim
