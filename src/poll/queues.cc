#include "poll/queues.h"

#include <algorithm>
#include <string>
#include <utility>

#include "spool/spool.h"

namespace ohip {
namespace {

// Those of the named hotels, or all.
std::vector<QueueName> pending_queues(const Config& config) {
  std::vector<QueueName> queues = Spool::pending_queues(config.spool_dir);
  std::erase_if(queues, [&](const QueueName& queue) {
    return !config.hotels.empty() && std::find(config.hotels.begin(), config.hotels.end(),
                                               queue.hotel) == config.hotels.end();
  });
  return queues;
}

std::vector<QueueName> in_order(const Config& config, std::vector<QueueName> queues) {
  using Urgency = std::pair<bool, TimePoint>;
  std::vector<std::pair<Urgency, QueueName>> urgent;
  for (QueueName& queue : queues) {
    const Spool::Glance glance = Spool::glance(config.spool_dir, queue);
    urgent.emplace_back(Urgency(glance.pending == 0, glance.last_polled), std::move(queue));
  }
  std::stable_sort(urgent.begin(), urgent.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::transform(urgent.begin(), urgent.end(), queues.begin(),
                 [](auto& one) { return std::move(one.second); });
  return queues;
}

}  // namespace

std::vector<QueueName> configured_queues(const Config& config) {
  std::vector<QueueName> queues;
  for (const std::string& hotel : config.hotels) {
    queues.push_back({config.gateway.host, config.external_system,
                      config.scope == QueueScope::kChain ? std::string(kChainQueue) : hotel});
  }
  return queues;
}

std::vector<QueueName> queues_in_order(const Config& config) {
  return in_order(
      config, config.mode == Mode::kReplay ? pending_queues(config) : configured_queues(config));
}

}  // namespace ohip
