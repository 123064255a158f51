#include "poll/queues.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

#include "spool/spool.h"

namespace ohip {
namespace {

// The queue is one of the named hotels', or none is named.
bool is_named(const Config& config, const QueueName& queue) {
  const bool hotels_queue =
      std::find(config.hotels.begin(), config.hotels.end(), queue.hotel) != config.hotels.end();
  const bool chains_queue = config.scope == QueueScope::kChain && queue.hotel == kChainQueue;
  return config.hotels.empty() || hotels_queue || chains_queue;
}

// Another gateway's events belong into another topic, perhaps: where a gateway is configured, only
// its queues are published, under whatever name they are in the spool.
std::vector<QueueName> pending_queues(const Config& config) {
  const std::string& gateway = config.gateway.name;
  std::vector<QueueName> queues;
  for (QueueName& queue : Spool::pending_queues(config.spool_dir)) {
    const QueueName ours = {gateway, queue.external_system, queue.hotel};
    if (const auto earlier = ours.earlier(); earlier && earlier->gateway == queue.gateway) {
      queue = ours;
    }
    const bool known = std::find(queues.begin(), queues.end(), queue) != queues.end();
    if (!known && is_named(config, queue) && (gateway.empty() || queue.gateway == gateway)) {
      queues.push_back(std::move(queue));
    }
  }
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
    queues.push_back({config.gateway.name, config.external_system,
                      config.scope == QueueScope::kChain ? std::string(kChainQueue) : hotel});
  }
  return queues;
}

std::vector<QueueName> queues_in_order(const Config& config) {
  return in_order(
      config, config.mode == Mode::kReplay ? pending_queues(config) : configured_queues(config));
}

Inventory inventory_of(const Config& config) {
  std::error_code error;
  if (!std::filesystem::exists(config.spool_dir, error) && !error) {
    throw Error(ExitStatus::kConfig,
                fmt::format("there is no spool at {}", config.spool_dir.string()),
                "--spool-dir names another: systemd's units have theirs in /var/lib/ohip-poll");
  }
  Inventory inventory = take_inventory(config.spool_dir);
  std::erase_if(inventory.queues,
                [&](const SpoolQueue& held) { return !is_named(config, held.queue); });
  return inventory;
}

}  // namespace ohip
