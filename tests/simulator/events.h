#pragma once

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace ohip::sim {

// Business events as OPERA Cloud makes them, with the liberties it takes (the examples in Oracle's
// OpenAPI): numbers as strings, module names as numbers, ids out of order, values absent, times
// without a zone. The guests are invented. The same seed gives the same events.
class EventGenerator {
 public:
  explicit EventGenerator(std::uint64_t seed) : random_(seed) {}

  // {"businessEvent":…,"businessEventId":…} on one line. Ids are unique to this generator.
  std::string next(const std::string& hotel);

 private:
  struct Draft;

  std::uint64_t pick(std::uint64_t n) { return random_() % n; }
  bool one_in(std::uint64_t n) { return pick(n) == 0; }

  std::string text(const std::string& value) const;
  std::string number(std::uint64_t value) const;
  std::string detail(const char* element, const std::string& old_value,
                     const std::string& new_value, const char* more = "") const;
  std::uint64_t known_reservation(const std::string& hotel);

  Draft draft(const std::string& hotel);
  Draft new_reservation(const std::string& hotel);
  Draft changed_reservation(const std::string& hotel);
  Draft profile();
  Draft room_status();
  std::string created();

  std::mt19937_64 random_;
  std::uint64_t count_ = 0;
  bool escaped_ = false;  // this event: \u escapes instead of UTF-8
  bool quoted_ = false;   // this event: numbers as strings
  std::map<std::string, std::vector<std::uint64_t>> reservations_;  // by hotel
};

// The value mappings of an external system: a JSON array.
extern const char* const kDataValueMapping;

}  // namespace ohip::sim
