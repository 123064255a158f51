#pragma once

#include <filesystem>
#include <string>

#include "base/clock.h"
#include "report/report.h"

namespace ohip {

// Adds a run's figures to a file for node_exporter's textfile collector (Prometheus' text format,
// without timestamps): gauges as they are now, counters carried on from what the file held before.
// Whoever reads it finds the old or the new file, whole; mode 0644, since it holds no secret. Of
// more than 500 hotels the rest, in the order of their codes, are summed up as hotel="other".
// Throws Error kSpool.
void write_metrics(const std::filesystem::path& file, const RunReport& report, TimePoint now);

// The same figures as a text, those of the last one carried on; label: stands for the file's name.
std::string metrics_text(const std::string& before, const std::string& label,
                         const RunReport& report, TimePoint now);

}  // namespace ohip
