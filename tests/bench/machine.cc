#include <fcntl.h>
#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "base/file.h"
#include "bench/classes.h"
#include "bench/sample.h"
#include "e2e/process.h"
#include "support/temporary_directory.h"

namespace ohip::bench {
namespace {

// The value behind the colon of the first line that begins so.
std::string line_of(const std::filesystem::path& path, const std::string& name) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(name)) {
      return line.substr(line.find_first_not_of(": \t", name.size()));
    }
  }
  return "unknown";
}

// What the spool's steps cost here: a file written and made durable under its final name.
Spread durable_file() {
  constexpr int kFiles = 50;
  constexpr std::size_t kSize = 12'000;  // 20 events
  const test::TemporaryDirectory directory;
  std::vector<double> times;
  for (int i = 0; i < kFiles; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    replace_file(directory / std::to_string(i), std::string(kSize, 'x'), ExitStatus::kSpool);
    const auto end = std::chrono::steady_clock::now();
    times.push_back(std::chrono::duration<double, std::milli>(end - begin).count());
  }
  return spread(times);
}

}  // namespace

void print_machine() {
  utsname system{};
  uname(&system);
  const Spread file = durable_file();
  fmt::print("{} × {}, {}, Linux {}, load {}\n", std::thread::hardware_concurrency(),
             line_of("/proc/cpuinfo", "model name"), line_of("/proc/meminfo", "MemTotal"),
             system.release, line_of("/proc/loadavg", ""));
  fmt::print("{}", test::run({FLOOR, "--version"}, {}).out);
  fmt::print(
      "a durable file (write, fsync, rename, fsync of the directory): {:.2f} ms ({:.2f} … "
      "{:.2f})\n\n",
      file.median, file.min, file.max);
}

}  // namespace ohip::bench
