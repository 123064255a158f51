#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace ohip {

// Values by series, such as `ohip_poll_polls_total{file="ohip-poll.prom",hotel="ABC"}`.
using Series = std::map<std::string, double, std::less<>>;

// Since 1970, whole ones.
double seconds(TimePoint time);

// What an earlier run left there, empty where there is no such file. Throws Error kSpool.
std::string read_figures(const std::filesystem::path& file);

// A file of Prometheus' text format while it is made anew, and what it held before.
class Exposition {
 public:
  // prefix: of all families. Throws Error kSpool, also for a file with figures of another program,
  // which would be lost; what cannot be understood is not there.
  Exposition(const std::filesystem::path& file, std::string_view prefix);

  // The same without a file: before is the text that was made last, label the text in its place.
  Exposition(const std::string& before, const std::string& label);

  // What the names of a family's series begin with.
  std::string beginning(std::string_view name) const { return fmt::format("{}{{{}", name, label_); }

  std::string series(std::string_view name) const { return beginning(name) + "}"; }

  std::string series(std::string_view name, std::string_view label, const std::string& text) const;

  void family(std::string_view name, std::string_view help) {
    text_ += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name,
                         name.ends_with("_total") ? "counter" : "gauge");
  }

  void value(const std::string& series, double value) {
    text_ += fmt::format("{} {:.15g}\n", series, value);
  }

  void gauge(std::string_view name, std::string_view help, double number) {
    family(name, help);
    value(series(name), number);
  }

  void counter(std::string_view name, std::string_view help, std::size_t more) {
    family(name, help);
    value(series(name), earlier(series(name)) + static_cast<double>(more));
  }

  // A counter by label; a label that was there before stays.
  void counters(std::string_view name, std::string_view help, std::string_view label,
                const std::map<std::string, std::size_t>& more);

  double earlier(const std::string& series) const {
    const auto found = before_.find(series);
    return found == before_.end() ? 0 : found->second;
  }

  const std::string& text() const { return text_; }

 private:
  Series before_;
  std::string label_;  // of all series: node_exporter shows none where two files share one
  std::string text_;
};

}  // namespace ohip
