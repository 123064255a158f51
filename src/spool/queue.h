#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace ohip {

// Names one queue of OHIP, and so its directory in the spool.
struct QueueName {
  std::string gateway_host;
  std::string external_system;
  std::string hotel;  // "@chain" for the external system's one queue

  // "hotel ABC".
  std::string label() const;

  // Where its batches are.
  std::filesystem::path directory(const std::filesystem::path& root) const;
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
