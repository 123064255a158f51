#include "event/record.h"

namespace ohip {

std::string Record::event() const {
  std::string bytes = value.substr(0, event_size);
  bytes.back() = '}';
  return bytes;
}

}  // namespace ohip
