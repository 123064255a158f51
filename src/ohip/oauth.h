#pragma once

#include <atomic>
#include <cstddef>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "config/config.h"
#include "http/client.h"
#include "ohip/access_token.h"

namespace ohip {

// The access token of one gateway and one set of credentials. Token calls are charged, so it is
// shared with other runs through a cache file in directory, .token-<hash of gateway and
// credentials>.json (0600), and one run at a time asks for a new one. A cache that is broken,
// foreign or cannot be written is as good as none. Thread-safe: one thread asks, the others wait
// for what becomes of it, a token or an error.
class OAuth {
 public:
  OAuth(const Gateway& gateway, const Credentials& credentials,
        const std::filesystem::path& directory, Clock& clock, const Deadline& deadline);

  // A token that is not yet due for renewal; where it must be asked for, by this client. Throws
  // Error kUnavailable; kRefused when the credentials are not accepted, kConfig when something
  // other than OHIP answers: these two again for every later call, without asking again (accounts
  // lock).
  std::string token(HttpClient& http);

  // The gateway refused this token: drop it here and in the cache.
  void forget(const std::string& refused);

  // From now on token() throws this.
  void refuse(const Error& error);

  // How often a token was asked for.
  std::size_t fetches() const;

 private:
  std::optional<AccessToken> load() const;
  void store(const AccessToken& token) const;
  std::optional<UniqueFd> lock();
  AccessToken renew(HttpClient& http);
  AccessToken fetch(HttpClient& http);
  HttpRequest request() const;

  const Gateway& gateway_;
  const Credentials& credentials_;
  std::filesystem::path cache_file_;
  Clock& clock_;
  const Deadline& deadline_;
  mutable std::mutex mutex_;  // guards what follows
  std::size_t fetches_ = 0;
  std::optional<AccessToken> token_;
  std::optional<Error> refusal_;
  std::optional<Error> failure_;  // the last one
  std::atomic<std::size_t> failures_ = 0;
};

}  // namespace ohip
