#include "config/command_line.h"

#include <curl/curl.h>
#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <array>
#include <cxxopts.hpp>
#include <memory>
#include <span>
#include <vector>

#include "base/program.h"
#include "base/text.h"
#include "base/version.h"
#include "config/kafka_properties.h"
#include "config/setting.h"

namespace ohip {
namespace {

constexpr std::size_t kHelpWidth = 100;

constexpr std::string_view kUsage =
    "[--once | --drain | --run-for TIME | --check] --hotel CODE [--hotel CODE ...] [options]\n"
    "  ohip-poll --replay | --list | --requeue FILE|all [options]";

constexpr std::string_view kStreamUsage =
    "[--run-for TIME | --drain | --check] --chain CODE [options]";

constexpr std::string_view kAbout = "Moves business events from OHIP's Poll API to Kafka.\n";

constexpr std::string_view kStreamAbout =
    "Moves business events from OHIP's Streaming API to Kafka.\n";

constexpr std::string_view kNotes = R"(
 An option overrides the environment, which overrides the config file. Any NAME can also be read
 from a file: NAME_FILE=path, or a file NAME in $CREDENTIALS_DIRECTORY (systemd).
)";

constexpr std::string_view kExitStatuses = R"(
 Exit status, the most serious one over all hotels:
   0  everything taken was delivered, or there was nothing to take, or another run is at it
  64  the command line is wrong; 78 the configuration is wrong: fix it
  65  an event was put into quarantine, all the rest was delivered: look at the quarantine
  69  OHIP or Kafka was unavailable, nothing was taken: the next run tries again
  70  a bug: report it
  74  the spool cannot be written, nothing was taken: see to disk and permissions
  75  taken, safe in the spool, not yet delivered: the next run publishes it first
  76  a response of OHIP was lost or cut off: events may be lost, reconcile
  77  OHIP or Kafka refused the credentials: fix them
)";

constexpr std::string_view kStreamExitStatuses = R"(
 Exit status, the most serious one:
   0  everything that came was delivered, or nothing came, or another run is at it
  64  the command line is wrong; 78 the configuration is wrong: fix it
  65  an event was put into quarantine, or told where there is none; all the rest was delivered
  69  OHIP or Kafka was unavailable: the next run goes on from the position
  70  a bug: report it
  74  the spool directory cannot be written, nothing was taken: see to disk and permissions
  76  events may be missing between two times: reconcile
  77  OHIP or Kafka refused the credentials: fix them
)";

struct ModeOption {
  const char* name;
  Mode mode;
  const char* help;
  const char* argument = "";
};

constexpr std::array kModes = {
    ModeOption{"once", Mode::kOnce, "poll each queue once (the default)"},
    ModeOption{"drain", Mode::kDrain, "poll each queue until it is empty"},
    ModeOption{"check", Mode::kCheck, "test everything that a run needs, without taking an event"},
    ModeOption{"replay", Mode::kReplay, "publish what the spool holds, poll nothing"},
    ModeOption{"list", Mode::kList,
               "what the spool and its quarantine hold, with ages and reasons"},
    ModeOption{
        "requeue", Mode::kRequeue,
        "put a file in quarantine, or all, back into the spool, for --replay or the next run",
        "FILE"},
};

constexpr std::array kStreamModes = {
    ModeOption{"drain", Mode::kDrain, "end when no event has come for 5 s"},
    ModeOption{"check", Mode::kCheck, "test everything that a run needs, without subscribing"},
};

constexpr const char* kFrom = "from";

bool streams() {
  return program() == Program::kStream;
}

std::span<const ModeOption> modes() {
  return streams() ? std::span<const ModeOption>(kStreamModes) : kModes;
}

[[noreturn]] void usage_error(const std::string& why) {
  throw Error(ExitStatus::kUsage, why, fmt::format("try '{} --help'", program_name()));
}

std::string default_text(const Setting& setting) {
  return setting.fallback.empty() ? "" : fmt::format("; default {}", setting.fallback);
}

std::shared_ptr<cxxopts::Value> value_of(std::string_view argument) {
  const std::shared_ptr<cxxopts::Value> switched = cxxopts::value<bool>();
  const std::shared_ptr<cxxopts::Value> with_text = cxxopts::value<std::string>();
  return argument.empty() ? switched : with_text;
}

void add_to_parser(const Setting& setting, cxxopts::Options& parser) {
  parser.add_options(std::string(setting.group))(
      std::string(setting.option),
      fmt::format("{} [{}{}]", setting.program_help(), setting.name, default_text(setting)),
      value_of(setting.argument), std::string(setting.argument));
}

bool takes_value(char letter) {
  const auto all = settings();
  return letter == 'X' || std::any_of(all.begin(), all.end(), [letter](const Setting& s) {
           return s.option.starts_with(std::string{letter, ','}) && !s.argument.empty();
         });
}

// "-Xacks=all" as "-X" and "acks=all": cxxopts, without <regex>, takes no value but one of letters
// and digits there.
std::vector<std::string> with_values_apart(int argc, const char* const* argv) {
  std::vector<std::string> arguments;
  for (const std::string argument : std::span(argv, static_cast<std::size_t>(argc))) {
    const bool short_options = argument.starts_with('-') && !argument.starts_with("--");
    const auto letter = std::find_if(argument.begin(), argument.end(), takes_value);
    if (short_options && argument.end() - letter > 1) {
      arguments.emplace_back(argument.begin(), letter + 1);
      arguments.emplace_back(letter + 1, argument.end());
    } else {
      arguments.push_back(argument);
    }
  }
  return arguments;
}

cxxopts::Options make_parser() {
  cxxopts::Options parser(std::string(program_name()),
                          std::string(streams() ? kStreamAbout : kAbout));
  parser.set_width(kHelpWidth).custom_help(std::string(streams() ? kStreamUsage : kUsage));
  for (const ModeOption& mode : modes()) {
    parser.add_options("Mode")(mode.name, mode.help, value_of(mode.argument), mode.argument);
  }
  if (streams()) {
    parser.add_options("Mode")(
        kFrom, "begin there instead of at the position, this once; what lies before is skipped",
        cxxopts::value<std::string>(), "highest|OFFSET");
  }
  parser.add_options("Mode")("version", "print the version, and the libraries' in use")(
      "h,help", "print this");
  for (const Setting& setting : settings()) {
    if (!setting.option.empty() && setting.is_used()) {
      add_to_parser(setting, parser);
    }
  }
  parser.add_options(std::string(kKafkaGroup))(
      "X",
      "any librdkafka property but secrets; may be repeated [KAFKA_SASL_USERNAME is "
      "sasl.username, and so on]",
      cxxopts::value<std::string>(), "PROPERTY=VALUE");
  parser.add_options(std::string(kRunGroup))("v,verbose", "say what is done; -vv: in detail")(
      "q,quiet", "print errors only");
  return parser;
}

std::string help(const cxxopts::Options& parser) {
  std::string text = parser.help(
      {"Mode", std::string(kOhipGroup), std::string(kKafkaGroup), std::string(kRunGroup)});
  text += "\n In environment and config file only:\n";
  for (const Setting& setting : settings()) {
    if (setting.option.empty() && setting.is_used()) {
      text += fmt::format("  {:<20} {}{}\n", setting.name, setting.help, default_text(setting));
    }
  }
  text += "  KAFKA_SASL_PASSWORD  and every other librdkafka property, as with -X\n";
  return text.append(kNotes).append(streams() ? kStreamExitStatuses : kExitStatuses);
}

const Setting* setting_of_option(const std::string& name) {
  const auto all = settings();
  const auto found = std::find_if(all.begin(), all.end(),
                                  [&](const Setting& s) { return s.long_option() == name; });
  return found == all.end() ? nullptr : &*found;
}

// -X property=value. Others see a command line (ps), so no secret is taken from it; and what is not
// understood is not repeated.
void add_property(const std::string& text, Values& properties) {
  const std::size_t equals = text.find('=');
  const std::string property = text.substr(0, equals);
  if (equals == std::string::npos || !is_name(property)) {
    usage_error("-X: not understood: expected PROPERTY=VALUE");
  }
  if (is_secret(property)) {
    throw Error(ExitStatus::kUsage,
                fmt::format("-X {}: a secret on the command line is seen by others", property),
                fmt::format("set {0}, or {0}_FILE to the path of a file that holds it",
                            variable_of(property)));
  }
  properties[property] = {text.substr(equals + 1), "-X " + property, ExitStatus::kUsage};
}

// Of an option given twice the last counts; only hotels add up.
void add_setting(const Setting& setting, const std::string& text, Values& values) {
  const std::string name(setting.name);
  const Value value{text, fmt::format("--{}", setting.long_option()), ExitStatus::kUsage};
  if (text.empty()) {
    reject(value, "empty");
  }
  const auto [entry, is_new] = values.emplace(name, value);
  if (!is_new) {
    entry->second.text = name == "OHIP_HOTELS" ? entry->second.text + ',' + text : text;
  }
}

std::optional<Mode> chosen_mode(const cxxopts::ParseResult& result) {
  const ModeOption* chosen = nullptr;
  for (const ModeOption& mode : modes()) {
    if (result.count(mode.name) == 0) {
      continue;
    }
    if (chosen != nullptr) {
      usage_error(fmt::format("--{} and --{} exclude each other", chosen->name, mode.name));
    }
    chosen = &mode;
  }
  if (chosen != nullptr && result.count("run-for") > 0) {
    usage_error(fmt::format("--{} and --run-for exclude each other", chosen->name));
  }
  return chosen == nullptr ? std::nullopt : std::optional(chosen->mode);
}

LogLevel chosen_log_level(const cxxopts::ParseResult& result) {
  const std::size_t verbose = result.count("verbose");
  if (result.count("quiet") == 0) {
    return verbose == 0 ? LogLevel::kWarning : verbose == 1 ? LogLevel::kInfo : LogLevel::kDebug;
  }
  if (verbose > 0) {
    usage_error("--verbose and --quiet exclude each other");
  }
  return LogLevel::kError;
}

Options read_options(const cxxopts::ParseResult& result) {
  Options options;
  for (const cxxopts::KeyValue& argument : result.arguments()) {
    if (const Setting* setting = setting_of_option(argument.key())) {
      add_setting(*setting, argument.value(), options.settings);
    } else if (argument.key() == "X") {
      add_property(argument.value(), options.properties);
    } else if (argument.key() == kFrom) {
      options.from = argument.value();
    } else if (argument.key() == "requeue") {
      // NOLINTNEXTLINE(performance-inefficient-vector-operation): one, as a rule
      options.requeue.push_back(argument.value());
    }
  }
  if (!result.unmatched().empty()) {
    usage_error(fmt::format("unexpected argument {}", shown(result.unmatched().front())));
  }
  options.mode = chosen_mode(result);
  options.log_level = chosen_log_level(result);
  return options;
}

// With the libraries that are in use now, for a report about a fault.
std::string version() {
  return fmt::format("{} {}\n{} librdkafka/{}\n", program_name(), kVersion, curl_version(),
                     rd_kafka_version_str());
}

}  // namespace

Options parse_command_line(int argc, const char* const* argv) try {
  cxxopts::Options parser = make_parser();
  const std::vector<std::string> arguments = with_values_apart(argc, argv);
  std::vector<const char*> pointers;
  pointers.reserve(arguments.size());
  for (const std::string& argument : arguments) {
    pointers.push_back(argument.c_str());
  }
  const cxxopts::ParseResult result =
      parser.parse(static_cast<int>(pointers.size()), pointers.data());
  Options options;
  if (result.count("help") > 0) {
    options.text = help(parser);
  } else if (result.count("version") > 0) {
    options.text = version();
  } else {
    options = read_options(result);
  }
  return options;
} catch (const cxxopts::exceptions::invalid_option_syntax&) {
  usage_error("an argument begins with - and is no option");
} catch (const cxxopts::exceptions::exception& error) {
  constexpr std::size_t kReadable = 200;
  const std::string why = error.what();
  usage_error(why.size() <= kReadable ? why : "an argument is not understood, and very long");
}

}  // namespace ohip
