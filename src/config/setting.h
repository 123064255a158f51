#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/program.h"
#include "config/config.h"

namespace ohip {

inline constexpr std::string_view kOhipGroup = "OHIP";
inline constexpr std::string_view kKafkaGroup = "Kafka";
inline constexpr std::string_view kRunGroup = "Run";

// Whose setting it is. The other program takes no notice of it: both may share a config file.
enum class Use : std::uint8_t { kBoth, kPoll, kStream };

// One thing that users can set. All there is to know of it, --help included, is here.
struct Setting {
  std::string_view name;      // in the environment and in the config file
  std::string_view option;    // "b,brokers", as cxxopts has it; empty: never an option
  std::string_view argument;  // stands for the value in --help; empty: a switch
  std::string_view fallback;  // what it is when set nowhere; empty: nothing
  std::string_view group;     // of options in --help
  std::string_view help;
  // Parses the text and puts it where it belongs. Throws Error kConfig that says why not. None for
  // what is not a member of Config by itself.
  void (*assign)(Config&, const std::string& text);
  Use use = Use::kBoth;
  std::string_view stream_help = {};  // where it differs; else help

  bool is_used() const {
    return use == Use::kBoth || (use == Use::kStream) == (program() == Program::kStream);
  }
  std::string_view program_help() const {
    return program() == Program::kStream && !stream_help.empty() ? stream_help : help;
  }

  // The value is the path of a file, so that NAME_FILE, a path to a path, does not exist.
  bool is_path() const { return argument == "FILE"; }
  std::string_view long_option() const { return option.substr(option.find(',') + 1); }
};

std::span<const Setting> settings();

// Nothing for an unknown name.
const Setting* find_setting(std::string_view name);

// "--limit or OHIP_LIMIT"; the name alone where there is no option.
std::string how_to_set(std::string_view name);

// The setting whose name is nearest to a misspelt one; empty when none is near.
std::string_view nearest_name(std::string_view misspelt);

}  // namespace ohip
