#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <thread>

#include "kafka/cluster/port.h"

namespace ohip::test {

// A far-away server: passes connections on to a port of 127.0.0.1, and adds a round trip's time to
// connecting and to whatever the server says.
class Relay {
 public:
  explicit Relay(std::chrono::milliseconds round_trip);
  ~Relay();
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  std::uint16_t port() const { return port_.number(); }
  void lead_to(std::uint16_t port) { target_ = port; }
  // What clients say from now on is so long on its way, also when they are dead by then.
  void delay_requests(std::chrono::milliseconds time) {
    requests_ = time;
    said_ = 0;
  }
  // Bytes that clients have said since then.
  std::size_t said() const { return said_; }

 private:
  void accept_all();
  void serve(int client);

  const std::chrono::milliseconds round_trip_;
  Port port_;
  std::atomic<std::uint16_t> target_ = 0;
  std::atomic<std::chrono::milliseconds> requests_{};
  std::atomic<std::size_t> said_ = 0;
  int listener_;
  std::thread thread_;
  std::list<std::thread> connections_;
};

}  // namespace ohip::test
