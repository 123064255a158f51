#include "simulator/stream.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <functional>

#include "simulator/new_event.h"

namespace ohip::sim {

// Not in a line: "linear progression is not guaranteed".
std::uint64_t Stream::next_offset() const {
  if (events_.empty()) {
    return 193;
  }
  const std::uint64_t last = events_.back().offset;
  return last + 1 + (events_.size() % 7 == 0 ? last % 5 : 0);
}

std::string Stream::unique_id(std::uint64_t offset) const {
  return fmt::format("{:08x}-5eed-4000-8000-{:012x}",
                     std::hash<std::string>()(chain_) & 0xffffffffU, offset);
}

std::string Stream::unique_event_id(std::size_t index) const {
  return unique_id(events_[index].offset);
}

void Stream::add_made(const std::string& hotel, std::size_t count, std::size_t size,
                      SystemTime time) {
  const auto shared = std::make_shared<const std::string>(hotel);
  for (std::size_t i = 0; i < count; ++i) {
    events_.push_back({next_offset(), time, shared, size, {}, false});
  }
}

void Stream::add(const std::string& new_event, bool verbatim, SystemTime time) {
  Metadata metadata{next_offset(), unique_id(next_offset())};
  std::string text = with_metadata(new_event, metadata);
  events_.push_back({metadata.offset, time, std::make_shared<std::string>(hotel_of(text)), 0,
                     std::move(text), verbatim});
}

void Stream::add_business_event(const std::string& business_event, SystemTime time) {
  if (const auto text = to_new_event(business_event, {next_offset(), unique_id(next_offset())})) {
    add(*text, false, time);
  }
}

std::string Stream::event(std::size_t index) const {
  const Event& event = events_[index];
  return event.text.empty() ? make_new_event(index, *event.hotel, event.size,
                                             {event.offset, unique_id(event.offset)})
                            : event.text;
}

std::optional<std::string> Stream::occupy(const void* consumer, SystemTime now) {
  ++subscriptions_;
  if (consumer_ == nullptr && now >= free_at_) {
    consumer_ = consumer;
    return std::nullopt;
  }
  ++refused_;
  return consumer_ != nullptr ? "Another consumer is connected"
                              : "Reconnected too fast, or without complete";
}

void Stream::leave(const void* consumer, SystemTime until) {
  if (consumer_ == consumer) {
    consumer_ = nullptr;
    free_at_ = until;
  }
}

std::size_t Stream::first(const NewEventInput& input, SystemTime oldest) {
  const auto at = [this](auto event) {
    return static_cast<std::size_t>(std::distance(events_.begin(), event));
  };
  if (input.highest) {
    floor_ = events_.empty() ? 0 : events_.size() - 1;
    return floor_;
  }
  const std::size_t kept = at(std::find_if(
      events_.begin(), events_.end(), [&](const Event& event) { return event.time >= oldest; }));
  const std::size_t first = std::max(kept, floor_);
  if (input.offset.empty()) {
    return std::max(first, position_);
  }
  std::uint64_t offset = 0;
  const char* const end = input.offset.data() + input.offset.size();
  if (std::from_chars(input.offset.data(), end, offset).ec != std::errc()) {
    offset = UINT64_MAX;  // 20 digits may say more than 64 bits
  }
  return std::max(first, at(std::lower_bound(events_.begin(), events_.end(), offset,
                                             [](const Event& event, std::uint64_t wanted) {
                                               return event.offset < wanted;
                                             })));
}

std::optional<std::string> Stream::next(const NewEventInput& input,
                                        const std::vector<Field>& fields,
                                        std::size_t& index) const {
  const auto wanted = [&](const Event& event) {
    return input.hotels.empty() ||
           std::find(input.hotels.begin(), input.hotels.end(), *event.hotel) != input.hotels.end();
  };
  while (index < events_.size() && !wanted(events_[index])) {
    ++index;
  }
  if (index == events_.size()) {
    return std::nullopt;
  }
  const Event& event = events_[index];
  std::string text = this->event(index++);
  const bool whole = fields.empty() && !input.delta;
  return whole || event.verbatim ? text : select(text, fields, input.delta);
}

void Stream::count_sent(std::size_t index) {
  sent_.push_back(static_cast<std::uint32_t>(index));
  position_ = index + 1;
}

}  // namespace ohip::sim
