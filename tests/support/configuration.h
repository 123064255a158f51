#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/program.h"
#include "config/command_line.h"
#include "config/config.h"
#include "support/catch.h"

// What the tests of the configuration share: nothing of the machine's own reaches them.
namespace ohip {

class Scratch {
 public:
  Scratch() {
    std::string pattern = (std::filesystem::temp_directory_path() / "ohip-poll-XXXXXX").string();
    directory_ = mkdtemp(pattern.data());
  }
  ~Scratch() { std::filesystem::remove_all(directory_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  std::string path(const std::string& name) const { return (directory_ / name).string(); }
  std::string file(const std::string& name, const std::string& content) const {
    std::ofstream(path(name), std::ios::binary) << content;
    return path(name);
  }

 private:
  std::filesystem::path directory_;
};

inline Environment empty_environment() {
  Environment environment;
  environment.default_config_file = "/nonexistent/ohip-poll.env";
  return environment;
}

// With all that is required and nothing else.
inline Environment complete_environment() {
  Environment environment = empty_environment();
  environment.variables = {
      {"HOME", "/home/somebody"},
      {"OHIP_GATEWAY_URL", "https://gateway.example.com"},
      {"OHIP_EXTERNAL_SYSTEM", "EXTSYS"},
      {"OHIP_HOTELS", "ABC"},
      {"OHIP_CLIENT_ID", "client"},
      {"OHIP_CLIENT_SECRET", "the client secret"},
      {"OHIP_APP_KEY", "01234567-89ab-4cde-8f01-23456789abcd"},
      {"OHIP_ENTERPRISE_ID", "CHAIN"},
      {"KAFKA_BOOTSTRAP_SERVERS", "broker:1234"},
  };
  return environment;
}

inline Environment environment_with(const std::string& name, const std::string& text) {
  Environment environment = complete_environment();
  environment.variables[name] = text;
  return environment;
}

// While it lives, the process is that program.
class As {
 public:
  explicit As(Program program) { set_program(program); }
  ~As() { set_program(Program::kPoll); }
  As(const As&) = delete;
  As& operator=(const As&) = delete;
};

inline Options parse(const std::vector<const char*>& arguments) {
  std::vector<const char*> all = {"ohip-poll"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  return parse_command_line(static_cast<int>(all.size()), all.data());
}

inline Config load(const Environment& environment, const std::vector<const char*>& arguments = {}) {
  return load_config(parse(arguments), environment);
}

template <typename Work>
Error error_of(Work work) {
  try {
    work();
  } catch (const Error& error) {
    return error;
  }
  FAIL("no error");
  std::abort();
}

inline Error load_error(const Environment& environment,
                        const std::vector<const char*>& arguments = {}) {
  return error_of([&] { load(environment, arguments); });
}

inline bool contains(const std::string& text, const std::string& part) {
  UNSCOPED_INFO("text: " << text);
  return text.find(part) != std::string::npos;
}

inline bool mentions(const Error& error, const std::string& part) {
  UNSCOPED_INFO("error: " << error.what() << "\n hint: " << error.hint());
  return contains(std::string(error.what()) + '\n' + error.hint(), part);
}

}  // namespace ohip
