#pragma once

#include <wslay/wslay.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/handle.h"
#include "simulator/socket.h"

namespace ohip::sim {

// The value of Sec-WebSocket-Accept for a Sec-WebSocket-Key.
std::string websocket_accept(const std::string& key);

// The server's side of a web socket once the upgrade has been answered. Answers pings and a close
// of the frames' own by itself. What is sent waits in memory until flush().
class WebSocket {
 public:
  explicit WebSocket(Socket& socket);

  // Messages that have come whole, after 64 KB of them at the latest.
  std::vector<std::string> receive();

  void send(std::string_view text);
  // A close frame, behind what was sent before; nothing is sent after it.
  void close(std::uint16_t code, std::string_view reason);
  // Sends that many bytes of the message's frame and ends the connection there.
  void tear(std::string_view text, std::size_t bytes);
  // From here on so many bytes at a time, until all that waits is out.
  void drip(std::size_t bytes, std::chrono::milliseconds every);

  // As much as the connection takes; false: nothing.
  bool flush();
  bool dripping() const { return drip_bytes_ > 0; }
  std::size_t unsent() const { return out_.size() - sent_; }

  // The closing handshake is done, or the connection has ended.
  bool over() const;
  // The other side sent a close frame.
  bool closed_by_peer() const;

 private:
  using Clock = std::chrono::steady_clock;
  using Context = Handle<wslay_event_context, wslay_event_context_free>;

  void take_frames();
  std::size_t allowance(Clock::time_point now);

  Socket& socket_;
  Context context_;
  std::vector<std::string> received_;
  std::size_t budget_ = 0;  // bytes that may still be read in this turn
  std::string out_;
  std::size_t sent_ = 0;  // of out_
  std::size_t drip_bytes_ = 0;
  std::chrono::milliseconds drip_every_{0};
  Clock::time_point next_drop_;
  bool close_sent_ = false;
};

}  // namespace ohip::sim
