#include "report/exposition.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <charconv>
#include <iomanip>
#include <sstream>

#include "base/error.h"
#include "base/file.h"
#include "base/secrets.h"

namespace ohip {
namespace {

std::string quoted(const std::string& text) {
  std::ostringstream out;
  out << std::quoted(text);
  return out.str();
}

// What cannot be understood is not there.
Series series_of(const std::string& text) {
  Series series;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t blank = line.rfind(' ');
    double value = 0;
    if (!line.starts_with('#') && blank != std::string::npos &&
        std::from_chars(line.data() + blank + 1, line.data() + line.size(), value).ec ==
            std::errc()) {
      series[line.substr(0, blank)] = value;
    }
  }
  return series;
}

std::string label_of(const std::string& file) {
  return fmt::format("file={}", quoted(file));
}

}  // namespace

double seconds(TimePoint time) {
  return static_cast<double>(
      std::chrono::floor<std::chrono::seconds>(time.time_since_epoch()).count());
}

std::string read_figures(const std::filesystem::path& file) {
  struct stat status = {};
  if (lstat(file.c_str(), &status) != 0 && errno == ENOENT) {
    return {};
  }
  open_file(file, O_RDONLY, ExitStatus::kSpool);  // throws for what is no file of ours
  return read_file(file, ExitStatus::kSpool);
}

Exposition::Exposition(const std::string& before, const std::string& label)
    : before_(series_of(before)), label_(label_of(label)) {}

Exposition::Exposition(const std::filesystem::path& file, std::string_view prefix)
    : Exposition(read_figures(file), file.filename().string()) {
  for (const auto& [series, value] : before_) {
    if (!series.starts_with(prefix)) {
      throw Error(ExitStatus::kSpool,
                  fmt::format("{} holds metrics of another program", masked(file.string())),
                  "give each job a metrics file of its own");
    }
  }
}

std::string Exposition::series(std::string_view name, std::string_view label,
                               const std::string& text) const {
  return fmt::format("{},{}={}}}", beginning(name), label, quoted(text));
}

void Exposition::counters(std::string_view name, std::string_view help, std::string_view label,
                          const std::map<std::string, std::size_t>& more) {
  family(name, help);
  Series all;
  for (const auto& [text, count] : more) {
    const std::string one = series(name, label, text);
    all[one] = earlier(one) + static_cast<double>(count);
  }
  for (const auto& [one, count] : before_) {
    if (one.starts_with(beginning(name))) {
      all.emplace(one, count);
    }
  }
  for (const auto& [one, count] : all) {
    value(one, count);
  }
}

}  // namespace ohip
