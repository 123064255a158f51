#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace ohip {

// What somebody wrote, and where.
struct Value {
  std::string text;
  std::string origin;  // "--limit", "OHIP_LIMIT", "/etc/ohip-poll/ohip-poll.env:3: OHIP_LIMIT"
  ExitStatus status = ExitStatus::kConfig;  // how an error in it ends the run
};

// All that was written in one place (command line, environment, credentials, a file), by name.
using Values = std::map<std::string, Value>;

// Throws Error "where it was written: why". The text itself may be a secret and is left out.
[[noreturn]] void reject(const Value& value, std::string_view why, const std::string& hint = {});

// Does work; an Error that it throws gets told where the value was written.
template <typename Work>
auto on_behalf_of(const Value& value, Work work) {
  try {
    return work();
  } catch (const Error& error) {
    reject(value, error.what(), error.hint());
  }
}

inline constexpr std::string_view kFileSuffix = "_FILE";

// NAME for NAME_FILE; any other name unchanged.
std::string base_name(std::string name);

// What is written for NAME in this place, or nothing; empty counts as not written.
std::optional<Value> find_text(const Values& place, const std::string& name);

// The same, or else the content of the file that NAME_FILE names, less a byte order mark before it
// and blanks and line ends behind it. Throws Error when both are written, or when the file is empty
// or cannot be read.
std::optional<Value> find(const Values& place, const std::string& name);

}  // namespace ohip
