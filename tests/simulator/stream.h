#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "simulator/graphql.h"

namespace ohip::sim {

using SystemTime = std::chrono::system_clock::time_point;

// One chain's events, which stay whatever is sent, and its one consumer.
class Stream {
 public:
  explicit Stream(std::string chain) : chain_(std::move(chain)) {}

  // Events of size bytes that are made when they are sent; they take little memory until then.
  void add_made(const std::string& hotel, std::size_t count, std::size_t size, SystemTime time);
  // newEvent as it shall be sent; verbatim: whatever fields a client selects.
  void add(const std::string& new_event, bool verbatim, SystemTime time);
  // What the Poll API hands out as this event.
  void add_business_event(const std::string& business_event, SystemTime time);

  std::size_t size() const { return events_.size(); }
  // The event, with its whole selection.
  std::string event(std::size_t index) const;
  std::string offset(std::size_t index) const { return std::to_string(events_[index].offset); }
  std::string unique_event_id(std::size_t index) const;

  // Indexes of what was sent, in that order, events sent twice twice.
  const std::vector<std::uint32_t>& sent() const { return sent_; }

  // Why a subscription is refused with 4409; nothing: consumer has the stream now.
  std::optional<std::string> occupy(const void* consumer, SystemTime now);
  bool occupied() const { return consumer_ != nullptr; }
  // Nobody is admitted until then. Nothing happens unless it has the stream.
  void leave(const void* consumer, SystemTime until);
  std::uint64_t subscriptions() const { return subscriptions_; }
  std::uint64_t refused() const { return refused_; }

  // The first event for a subscription, as an index; oldest: that of the oldest that is kept.
  std::size_t first(const NewEventInput& input, SystemTime oldest);
  // The next event for it at or behind index; index is then behind it. fields: those selected;
  // empty: whole_selection().
  std::optional<std::string> next(const NewEventInput& input, const std::vector<Field>& fields,
                                  std::size_t& index) const;
  void count_sent(std::size_t index);

 private:
  // Without text it is made from its index.
  struct Event {
    std::uint64_t offset;
    SystemTime time;
    std::shared_ptr<const std::string> hotel;
    std::size_t size;
    std::string text;
    bool verbatim;
  };

  std::uint64_t next_offset() const;
  std::string unique_id(std::uint64_t offset) const;

  std::string chain_;
  std::vector<Event> events_;
  std::vector<std::uint32_t> sent_;
  std::size_t position_ = 0;  // behind the last event sent
  std::size_t floor_ = 0;     // "highest" has been asked for: what came before is not replayed
  const void* consumer_ = nullptr;
  SystemTime free_at_{};
  std::uint64_t subscriptions_ = 0;
  std::uint64_t refused_ = 0;
};

}  // namespace ohip::sim
