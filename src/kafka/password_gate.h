#pragma once

#include <condition_variable>
#include <mutex>

#include "base/clock.h"

namespace ohip {

// Lets librdkafka offer a password to one broker at a time until one of them has accepted it: with
// several bootstrap servers it would offer a wrong one to each at once, and accounts lock. Its
// threads wait here, before they connect. Thread-safe.
class PasswordGate {
 public:
  explicit PasswordGate(bool open) : open_(open) {}

  // Before this socket connects. False: a password was refused, no connection may begin.
  bool enter(int socket);
  void leave(int socket);  // before it is closed
  void refused();          // by any broker
  void failed();           // a connection, for another reason
  void open();             // a broker has accepted it, or nobody shall wait any longer

 private:
  bool is_busy(SteadyPoint now) const;

  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_;
  bool refused_ = false;
  int holder_ = -1;         // the socket that may be offering it
  SteadyPoint entered_;     // when it began to connect
  SteadyPoint reason_due_;  // until then the reason may come why the last one was closed
};

}  // namespace ohip
