#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/config.h"
#include "config/value.h"

namespace ohip {

// The command line, not yet judged but for its own grammar.
struct Options {
  std::optional<Mode> mode;          // nothing: none was named
  std::vector<std::string> requeue;  // --requeue
  LogLevel log_level = LogLevel::kWarning;
  std::string from;   // --from: "highest" or an offset; empty: not given
  Values settings;    // by the setting's name in the environment
  Values properties;  // -X, by librdkafka's name
  std::string text;   // --help or --version: to be printed on stdout, and nothing else to be done
};

// Throws Error kUsage.
Options parse_command_line(int argc, const char* const* argv);

}  // namespace ohip
