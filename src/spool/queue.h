#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace ohip {

// Names one queue of OHIP, and so its directory in the spool.
struct QueueName {
  std::string gateway;  // Gateway::name
  std::string external_system;
  std::string hotel;  // "@chain" for the external system's one queue

  bool operator==(const QueueName&) const = default;

  // "hotel ABC".
  std::string label() const;

  // Where its batches are.
  std::filesystem::path directory(const std::filesystem::path& root) const;

  // Its name in a spool of version 0.1.0, which told gateways by their hosts alone. Nothing where
  // that is the same.
  std::optional<QueueName> earlier() const;
};

inline constexpr std::string_view kChainQueue = "@chain";

// In a queue's directory.
inline constexpr const char* kLock = "lock";
inline constexpr const char* kQuarantine = "quarantine";

// A code as a file name: what is neither letter, digit, '-', '_' nor a dot inside becomes %XX, so
// that no name can leave its directory or hide in it, and reads back.
std::string escape_name(std::string_view code);
std::string unescape_name(std::string_view name);

}  // namespace ohip
