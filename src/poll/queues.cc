#include "poll/queues.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <string>
#include <system_error>
#include <utility>

#include "poll/rest.h"
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

// Where what waits in the spool, and who was never polled, stands in line: later than all others.
constexpr Milliseconds kLatest = std::chrono::hours(24);

// How late it is; less than 0: early.
Milliseconds lateness(const Spool::Glance& glance, Milliseconds wait, TimePoint now) {
  if (glance.pending > 0 || glance.last_polled > now) {  // the clock was wrong, then or now
    return kLatest;
  }
  const auto since = std::chrono::duration_cast<Milliseconds>(now - glance.last_polled);
  return std::min(since - wait, kLatest);
}

std::vector<DueQueue> in_order(const Config& config, const std::vector<QueueName>& queues,
                               const Clock& clock) {
  using Urgency = std::pair<bool, double>;
  std::vector<std::pair<Urgency, DueQueue>> urgent;
  for (const QueueName& queue : queues) {
    const Spool::Glance glance = Spool::glance(config.spool_dir, queue);
    const Milliseconds wait = wait_of(config.interval, glance.times_empty);
    const Milliseconds late = lateness(glance, wait, clock.now());
    const double intervals = static_cast<double>(late.count()) / static_cast<double>(wait.count());
    urgent.push_back({{glance.pending == 0, -intervals},
                      {queue, {clock.steady() - std::max(late, Milliseconds::zero()), wait}}});
  }
  std::stable_sort(urgent.begin(), urgent.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<DueQueue> ordered;
  std::transform(urgent.begin(), urgent.end(), std::back_inserter(ordered),
                 [](auto& one) { return std::move(one.second); });
  return ordered;
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

std::vector<DueQueue> queues_in_order(const Config& config, const Clock& clock) {
  return in_order(config,
                  config.mode == Mode::kReplay ? pending_queues(config) : configured_queues(config),
                  clock);
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
