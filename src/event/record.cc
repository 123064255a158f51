#include "event/record.h"

namespace ohip {

std::string Record::payload() const {
  if (mapping.empty()) {
    return value;
  }
  constexpr std::string_view kMember = R"(,"dataValueMapping":)";
  std::string payload;
  payload.reserve(value.size() + kMember.size() + mapping.size());
  payload.append(value, 0, value.size() - 1).append(kMember).append(mapping).push_back('}');
  return payload;
}

}  // namespace ohip
