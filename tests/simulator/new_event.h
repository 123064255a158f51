#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "simulator/graphql.h"

namespace ohip::sim {

// The selection of Oracle's example: all that the schema has, in this order. An event made here has
// its members in it, too.
const std::vector<Field>& whole_selection();

// Where an event stands in its chain.
struct Metadata {
  std::uint64_t offset = 0;
  std::string unique_event_id;
};

// What the Streaming API sends of an event that the Poll API hands out as business_event, as
// newEvent. Nothing when that is no event.
std::optional<std::string> to_new_event(const std::string& business_event,
                                        const Metadata& metadata);

// A change of a reservation, size bytes long or little more. number: which of them, for the key and
// for what changed.
std::string make_new_event(std::uint64_t number, const std::string& hotel, std::size_t size,
                           const Metadata& metadata);

// newEvent as a person wrote it, with the metadata in front where it has none; the offset it says
// it has, else the one given.
std::string with_metadata(const std::string& new_event, Metadata& metadata);

// newEvent with these fields alone (empty: all); delta: with those details alone whose value
// changed.
std::string select(const std::string& new_event, const std::vector<Field>& fields, bool delta);

std::string hotel_of(const std::string& new_event);  // empty: a chain's

}  // namespace ohip::sim
