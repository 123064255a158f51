// The man pages and the template of the configuration, held against the programs.

#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "base/file.h"
#include "config/command_line.h"
#include "config/config.h"
#include "config/kafka_properties.h"
#include "config/setting.h"
#include "e2e/process.h"
#include "support/catch.h"
#include "support/temporary_directory.h"

namespace ohip {
namespace {

using Names = std::set<std::string>;

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    lines.push_back(line);
  }
  return lines;
}

std::vector<std::string> matches(const std::string& text, const std::regex& pattern) {
  std::vector<std::string> found;
  for (std::sregex_iterator match(text.begin(), text.end(), pattern), end; match != end; ++match) {
    found.push_back(match->str(1));
  }
  return found;
}

std::string source(const std::string& path) {
  return read_file(SOURCE_DIR "/" + path, ExitStatus::kConfig);
}

// "  -b, --brokers LIST  text": what stands before the text.
Names options_of_help(const std::string& program) {
  static const std::regex option("[ ,](--?[A-Za-z][A-Za-z-]*)");
  static const std::regex before_text("^( +-.*?)(   *[^ -].*)?$");
  Names options;
  for (const std::string& line : lines(test::run({program, "--help"}, {}).out)) {
    for (const std::string& start : matches(line, before_text)) {
      const std::vector<std::string> found = matches(start, option);
      options.insert(found.begin(), found.end());
    }
  }
  return options;
}

// ".It Fl b , Fl Fl brokers Ar list"
Names options_of_page(const std::string& page) {
  static const std::regex option("(Fl (?:Fl )?[^ ]+)");
  Names options;
  for (const std::string& line : lines(source(page))) {
    if (line.starts_with(".It ")) {
      for (const std::string& flags : matches(line, option)) {
        options.insert(std::regex_replace(flags, std::regex("Fl "), "-"));
      }
    }
  }
  return options;
}

// ".It Ev OHIP_LIMIT Ns = Ns Ar n" and what is said of it.
std::map<std::string, std::string> variables_of_page(const std::string& page) {
  static const std::regex variable("^\\.It Ev ([^ ]+)");
  std::map<std::string, std::string> variables;
  std::string* text = nullptr;
  for (const std::string& line : lines(source(page))) {
    for (const std::string& name : matches(line, variable)) {
      text = &variables[name];
    }
    if (text != nullptr) {
      *text += line + '\n';
    }
  }
  return variables;
}

// "#OHIP_LIMIT=20"
std::map<std::string, std::string> variables_of_template() {
  static const std::regex assignment("#([A-Z_]+)=(.*)");
  std::map<std::string, std::string> variables;
  std::smatch match;
  for (const std::string& line : lines(source("scripts/packaging/ohip-poll.env"))) {
    if (std::regex_match(line, match, assignment)) {
      variables[match[1]] = match[2];
    } else {
      CHECK((line.empty() || line.starts_with("# ")));
    }
  }
  return variables;
}

template <typename Value>
Names keys(const std::map<std::string, Value>& values) {
  Names names;
  for (const auto& [name, value] : values) {
    names.insert(name);
  }
  return names;
}

Names setting_names() {
  Names names;
  for (const Setting& setting : settings()) {
    names.emplace(setting.name);
  }
  return names;
}

}  // namespace

TEST_CASE("each program's man page has every option of its --help and no other") {
  const std::string program =
      GENERATE(OHIP_POLL_PROGRAM, OHIP_STREAM_PROGRAM, OHIP_SIM_PROGRAM, KAFKA_SIM_PROGRAM);
  const std::string page = "docs/" + program.substr(program.rfind('/') + 1) + ".1";
  INFO(page);
  const Names options = options_of_help(program);
  CHECK(options.contains("--help"));
  CHECK(options_of_page(page) == options);
}

TEST_CASE("ohip-poll.env(5) has every setting, with its option and its default, and no other") {
  const auto variables = variables_of_page("docs/ohip-poll.env.5");
  CHECK(keys(variables) == setting_names());
  for (const Setting& setting : settings()) {
    INFO(setting.name);
    const std::string& text = variables.at(std::string(setting.name));
    CHECK(text.find(setting.fallback) != std::string::npos);
    CHECK(text.find(
              setting.option.empty() ? "" : "Fl Fl " + std::string(setting.long_option()) + '\n') !=
          std::string::npos);
  }
}

TEST_CASE("the template of the configuration has every setting, commented, with its default") {
  auto variables = variables_of_template();
  for (const Setting& setting : settings()) {
    const std::string name(setting.name);
    INFO(name);
    if (name == "OHIP_CONFIG") {  // a file cannot name another
      continue;
    }
    REQUIRE(variables.contains(name));
    CHECK((setting.fallback.empty() || variables[name] == setting.fallback));
    variables.erase(name);
  }
  for (const auto& [name, value] : variables) {
    INFO(name);
    CHECK(property_of(name));
  }
}

TEST_CASE("README's configuration is complete as it stands there") {
  static const std::regex assignment("    ([A-Z_]+=[^ ]+)");
  const std::string readme = source("README.md");
  const std::size_t begin = readme.find("## Configure");
  REQUIRE(begin != std::string::npos);
  const std::string block = readme.substr(begin, readme.find("Then ask", begin) - begin);
  const test::TemporaryDirectory directory;
  std::ofstream file(directory / "ohip-poll.env");
  std::smatch match;
  for (const std::string& line : lines(block)) {
    if (std::regex_match(line, match, assignment)) {
      file << match[1] << '\n';
    } else {
      CHECK_FALSE(line.starts_with("    "));
    }
  }
  file.close();
  const std::string path = (directory / "ohip-poll.env").string();
  const std::vector<const char*> arguments = {"ohip-poll", "--config", path.c_str()};
  Environment environment;
  environment.root = true;
  const Config config = load_config(
      parse_command_line(static_cast<int>(arguments.size()), arguments.data()), environment);
  CHECK(config.hotels == std::vector<std::string>{"ABC", "DEF"});
}

}  // namespace ohip
