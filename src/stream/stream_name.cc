#include "stream/stream_name.h"

#include <fmt/format.h>

#include "base/digest.h"

namespace ohip {
namespace {

// Of the hash, where it is a name: the last ones, because what begins as the secret itself is
// masked.
constexpr std::size_t kDigits = 12;

std::string digits_of(const std::string& hash) {
  return hash.substr(hash.size() - kDigits);
}

}  // namespace

StreamName::StreamName(const Config& config)
    : gateway(config.gateway.name),
      key_hash(sha256_hex(config.credentials.app_key)),
      chain(config.chain) {}

std::string StreamName::url(const Config& config) const {
  return fmt::format("{}{}?key={}", config.gateway.url, config.stream_path, key_hash);
}

GroupPlace StreamName::place(const Config& config) const {
  return {fmt::format("ohip-stream/{}/{}/{}", escape_name(gateway), digits_of(key_hash), chain),
          config.state_topic};
}

QueueName StreamName::queue() const {
  return {gateway, digits_of(key_hash), chain};
}

}  // namespace ohip
