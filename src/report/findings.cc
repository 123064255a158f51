#include "report/findings.h"

#include <algorithm>
#include <string_view>

namespace ohip {
namespace {

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
    return std::string_view(known.error.what()) == error.what();
  });
  if (same == findings_.end()) {
    findings_.push_back({error, {queue}});
  } else {
    same->queues.push_back(queue);
  }
}

void Findings::print(const Log& log) const {
  for (const Finding& finding : findings_) {
    log.error(finding.error, subject(finding.queues));
  }
}

}  // namespace ohip
