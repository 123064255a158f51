// The man pages, the template of the configuration and the words of all documents, held against the
// programs. What the documents' code blocks do is tried by blocks.py.

#include <array>
#include <filesystem>
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

// README, the pages and the man pages, and what runs them.
std::vector<std::string> documents() {
  const std::filesystem::path root = SOURCE_DIR;
  std::vector<std::string> found = {"README.md"};
  for (const char* folder : {"docs", "cron"}) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root / folder)) {
      static const std::regex written(".*\\.(md|[15]|cron|timer|service|conf|yaml)");
      const std::string path = std::filesystem::relative(entry.path(), root);
      if (entry.is_regular_file() && std::regex_match(path, written)) {
        found.push_back(path);
      }
    }
  }
  return found;
}

// Without code, names of tests (in quotes) and paths: words that are meant as they stand there.
std::string prose(const std::string& line) {
  static const std::regex code("`[^`]*`|\"[^\"]*\"|\\]\\([^)]*\\)|/[^ ]*");
  return std::regex_replace(line, code, "");
}

std::string prose_of(const std::string& text) {
  std::string found;
  bool block = false;
  for (const std::string& line : lines(text)) {
    block ^= line.find("```") != std::string::npos;
    found += (block ? "" : prose(line)) + '\n';
  }
  return found;
}

// What a person may read of the program's: each string of the sources.
std::string strings_of_sources() {
  static const std::regex string("\"((?:[^\"\\\\]|\\\\.)*)\"");
  std::string found;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(SOURCE_DIR "/src")) {
    if (entry.path().extension() == ".cc") {
      for (const std::string& line : lines(read_file(entry.path(), ExitStatus::kConfig))) {
        if (line.find("#include") == std::string::npos) {
          for (const std::string& text : matches(line, string)) {
            found += text + '\n';
          }
        }
      }
    }
  }
  return found;
}

// Words that are ours and nobody else's, or another term for a thing that has one; behind each,
// what to write.
struct Word {
  const char* pattern;
  const char* better;
};

constexpr std::array kWords = {
    Word{"\\bmend(s|ed|ing)?\\b", "fix"},
    Word{"\\baside\\b", "quarantined"},
    Word{"\\blooks? again\\b|\\bfrom look\\b|\\btwo looks\\b|\\b(a|each|every) look\\b", "poll"},
    Word{"\\b(an?|the|one|its|no|half|whole|next|first|OHIP's|OPERA's|broker's) answers?\\b"
         "|\\banswers (of|that|in|which|are|were)\\b",
         "response, or batch once it is in the spool"},
    Word{"\\bfigures?\\b", "metrics"},
    Word{"\\b(the|its|with|upper) bound\\b", "upper limit"},
    Word{"\\bcounts? for (more|less)\\b", "overrides"},
    Word{"\\b(the|system's|no|root) roots\\b", "CA certificates"},
    Word{"\\ba code a line\\b|, one a line\\b", "one per line"},
    Word{"\\bwithout any talk\\b", "without coordination"},
    Word{"\\bunavailability .{0,20}to itself\\b|\\boutages? to themselves\\b", "exits 0 meanwhile"},
};

void check_words(const std::string& where, const std::string& text) {
  for (const Word& word : kWords) {
    const std::regex pattern(word.pattern, std::regex::icase);
    for (const std::string& line : lines(text)) {
      if (std::regex_search(line, pattern)) {
        FAIL_CHECK(where << ": " << line << "\nbetter: " << word.better);
      }
    }
  }
}

Names metrics_in(const std::string& text) {
  static const std::regex metric("\\b(ohip_(?:poll|stream)_[a-z_]+[a-z])\\b");
  const std::vector<std::string> found = matches(text, metric);
  return {found.begin(), found.end()};
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

TEST_CASE("the documents use the field's words, and one word for one thing") {
  for (const std::string& document : documents()) {
    check_words(document, prose_of(source(document)));
  }
}

TEST_CASE("so do --help and messages") {
  for (const char* program :
       {OHIP_POLL_PROGRAM, OHIP_STREAM_PROGRAM, OHIP_SIM_PROGRAM, KAFKA_SIM_PROGRAM}) {
    check_words(program, test::run({program, "--help"}, {}).out);
  }
  check_words("src", strings_of_sources());
}

TEST_CASE("metrics.md has every metric and no other") {
  Names written = metrics_in(source("src/report/metrics.cc"));
  written.merge(metrics_in(source("src/stream/stream_report.cc")));
  CHECK(metrics_in(source("docs/metrics.md")) == written);
}

}  // namespace ohip
