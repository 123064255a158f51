#include "report/findings.h"

#include <algorithm>
#include <string_view>

namespace ohip {
namespace {

// Each is another thing to be done: another time to be looked at in OPERA, another file.
bool is_told_alone(const Error& error) {
  return error.status() == ExitStatus::kPossibleLoss || error.status() == ExitStatus::kQuarantine;
}

bool is_same(const Error& a, const Error& b) {
  return a.status() == b.status() && std::string_view(a.what()) == b.what();
}

std::string subject(const std::vector<std::string>& queues) {
  constexpr std::size_t kNamed = 3;
  const std::size_t named = std::min(queues.size(), kNamed);
  const std::string names = fmt::format(
      "{}", fmt::join(queues.begin(), queues.begin() + static_cast<std::ptrdiff_t>(named), ", "));
  return named == queues.size() ? names
                                : fmt::format("{} and {} more", names, queues.size() - named);
}

}  // namespace

void Findings::add(const std::string& queue, const Error& error) {
  const auto same = std::find_if(findings_.begin(), findings_.end(), [&](const Finding& known) {
    return !is_told_alone(error) && is_same(known.error, error);
  });
  if (same == findings_.end()) {
    findings_.push_back({error, {queue}});
  } else if (same->queues.back() != queue) {
    same->queues.push_back(queue);
  }
}

void Findings::print(const Log& log) const {
  for (const Finding& finding : findings_) {
    log.error(finding.error, subject(finding.queues));
  }
}

}  // namespace ohip
