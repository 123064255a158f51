#pragma once

#include <cstdint>

namespace ohip::test {

// A port of 127.0.0.1 that the system chose and gives to nobody else while this object lives, even
// between two starts of a server that listens on it (which must set SO_REUSEADDR, as Java does).
class Port {
 public:
  Port();
  ~Port();
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;

  std::uint16_t number() const { return number_; }

 private:
  int socket_;
  std::uint16_t number_ = 0;
};

}  // namespace ohip::test
