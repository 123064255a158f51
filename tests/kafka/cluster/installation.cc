#include "kafka/cluster/installation.h"

#include <fmt/format.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "spool/queue.h"

namespace ohip::test {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

Environment gateway(const sim::Simulator& ohip) {
  const sim::Options& options = ohip.options();
  return {{"OHIP_GATEWAY_URL", ohip.url()},
          {"OHIP_CLIENT_ID", options.client_id},
          {"OHIP_CLIENT_SECRET", options.client_secret},
          {"OHIP_APP_KEY", options.app_key},
          {"OHIP_ENTERPRISE_ID", options.enterprise_id},
          {"OHIP_EXTERNAL_SYSTEM", options.external_system}};
}

Installation::Installation(Environment settings) : environment_(std::move(settings)) {
  environment_.merge(gateway(ohip_));
  environment_.insert({"OHIP_SPOOL_DIR", (directory_ / "spool").string()});
}

int Installation::librdkafka() {
  const std::string said = test::run({OHIP_POLL_PROGRAM, "--version"}, {}).out;
  std::istringstream version(said.substr(said.find("librdkafka/") + std::strlen("librdkafka/")));
  int major = 0;
  int minor = 0;
  int patch = 0;
  char dot = '.';
  version >> major >> dot >> minor >> dot >> patch;
  return major << 24 | minor << 16 | patch << 8 | 0xff;
}

std::vector<std::string> Installation::command(const std::vector<std::string>& options) const {
  std::vector<std::string> command = {OHIP_POLL_PROGRAM, "--hotel", kHotel};
  command.insert(command.end(), options.begin(), options.end());
  return command;
}

Result Installation::run(const std::vector<std::string>& options) const {
  return test::run(command(options), environment_);
}

std::unique_ptr<Process> Installation::start(const std::vector<std::string>& options) const {
  return std::make_unique<Process>(command(options), environment_, directory_ / "out",
                                   directory_ / "err");
}

std::string Installation::printed() const {
  std::ostringstream text;
  text << std::ifstream(directory_ / "err").rdbuf();
  return text.str();
}

void Installation::leave_behind(const std::vector<std::string>& events,
                                const std::string& request_id,
                                std::chrono::system_clock::time_point received) const {
  const fs::path queue = QueueName{ohip_.url(), ohip_.options().external_system, kHotel}.directory(
      directory_ / "spool");
  fs::create_directories(queue);
  const std::string name = fmt::format(
      "{}-{}.json", ohip::basic_utc(std::chrono::floor<ohip::TimePoint::duration>(received)),
      request_id);
  std::ofstream(queue / name) << fmt::format(R"({{"businessEventData":[{}]}})",
                                             fmt::join(events, ","));
}

void Installation::enqueue_changes(int count, std::size_t size) {
  for (int i = 0; i < count; ++i) {
    ohip_.enqueue_event(
        kHotel,
        fmt::format(R"({{"businessEvent":{{"header":{{"moduleName":"Block","primaryKey":"7",)"
                    R"("hotelId":"ABC"}},"details":[{{"newValue":"{}"}}]}},)"
                    R"("businessEventId":{{"id":"{}"}}}})",
                    std::string(size, 'x'), ++changes_));
  }
}

void Installation::wait_for_handed_out(std::size_t count) const {
  const auto deadline = std::chrono::steady_clock::now() + 60s;
  while (true) {
    const sim::QueueStats queue = ohip_.stats().queues[kHotel];
    if (queue.handed_out >= count || queue.outstanding == 0) {
      return;
    }
    if (std::chrono::steady_clock::now() > deadline) {
      throw std::runtime_error("nobody polls: " + printed());
    }
    std::this_thread::sleep_for(1ms);
  }
}

std::vector<std::string> Installation::spooled(const std::string& ending) const {
  std::vector<std::string> names;
  for (const fs::path& file : spool_files()) {
    if (file.extension() == ending &&
        (ending == ".reason" || file.parent_path().filename() != "quarantine")) {
      names.push_back(file.filename().string());
    }
  }
  return names;
}

std::size_t Installation::told_lost() const {
  static const std::regex kBound("up to ([0-9]+)");
  std::size_t lost = 0;
  for (const fs::path& file : spool_files()) {
    std::ostringstream text;
    text << std::ifstream(file).rdbuf();
    const std::string reason = text.str();
    std::smatch bound;
    if (file.extension() == ".reason" && std::regex_search(reason, bound, kBound)) {
      lost += std::stoul(bound[1]);
    }
  }
  return lost;
}

std::vector<fs::path> Installation::spool_files() const {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(directory_ / "spool")) {
    if (entry.path().filename().string().front() != '.') {  // ".…": cached tokens
      files.push_back(entry.path());
    }
  }
  return files;
}

}  // namespace ohip::test
