#pragma once

#include <rapidjson/document.h>

#include <stdexcept>
#include <string>
#include <vector>

namespace ohip::sim {

// What Oracle's schema or its patterns do not admit, in OHIP's words.
class BadOperation : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct Field {
  std::string name;
  std::vector<Field> fields;  // of its object; none for a scalar
  friend bool operator==(const Field&, const Field&) = default;
};

// One operation with one field at its top: all that OHIP's examples and clients send.
struct Operation {
  std::string type;  // subscription or query
  Field field;
  rapidjson::Document input;  // the field's argument of that name; null when it has none
};

// Parses a document and checks it against the schema of OHIP's Streaming API (the file
// streaming.graphql-introspection.json). variables may be null. Throws BadOperation.
Operation parse_operation(const std::string& document, const rapidjson::Value& variables);

// The arguments of newEvent, checked against the patterns in the schema.
struct NewEventInput {
  std::string chain;
  std::string offset;  // empty: none given
  bool highest = false;
  bool delta = false;
  std::vector<std::string> hotels;  // empty: all
};
NewEventInput parse_input(const rapidjson::Value& input);

}  // namespace ohip::sim
