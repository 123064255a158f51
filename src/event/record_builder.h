#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "event/batch.h"
#include "event/event_reader.h"
#include "event/record.h"

namespace ohip {

// What the records say of where they come from.
struct Origin {
  std::string gateway;  // Gateway::name
  std::string external_system;
  std::string topic;       // may hold {module} and {hotel}
  std::string hotel = {};  // whose queue was polled; empty for the chain's
};

// Builds records of what all events of a batch have in common and of what each of them says.
class RecordBuilder {
 public:
  // Keeps the references.
  RecordBuilder(const Batch& batch, const Origin& origin);

  Record build(const EventReader& event, std::string_view bytes) const;

 private:
  std::string key(const EventReader& event) const;
  std::string hotel(const EventReader& event) const;
  std::string topic(const EventReader& event) const;
  std::vector<std::pair<std::string, std::string>> headers(const EventReader& event) const;

  const Batch& batch_;
  const Origin& origin_;
  std::string source_;
  std::string time_;
};

}  // namespace ohip
