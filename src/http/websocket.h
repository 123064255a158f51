#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/wakeup.h"
#include "http/client.h"
#include "http/route.h"

namespace ohip {

// Beyond it a message is not taken: the connection is closed with 1009.
inline constexpr std::size_t kMaxMessage = std::size_t{64} << 20;

// RFC 6455, 7.4.1.
inline constexpr int kNormalClosure = 1000;
inline constexpr int kNoCloseCode = 1005;       // a close frame without a code
inline constexpr int kBrokenConnection = 1006;  // no close frame at all

struct WebSocketRequest {
  std::string url;  // https://, http:// for loopback; what its query holds becomes a secret
  std::string subprotocol;
  Milliseconds connect_timeout{10'000};  // name, proxy, TCP and TLS together
  Milliseconds upgrade_timeout{10'000};  // from the request's first byte to the answer's last
  // Asked about once a second meanwhile. True: give up.
  std::function<bool()> give_up;
};

// How the opening went. A refusal is a whole answer with its status and words, as any of
// HttpClient's; a connection that could not be made is kUnreachable or kUntrusted.
struct WebSocketAnswer {
  HttpResponse response;
  bool open = false;
  // The status is the proxy's, which did not let us through; response.transfer is kUnreachable.
  int proxy_status = 0;
};

// How a connection ended.
struct WebSocketEnd {
  int code = kBrokenConnection;
  std::string reason;  // the peer's words, or why it is broken
  // We closed first: by close(), or because of what the peer sent (1002, 1003, 1007, 1009).
  bool by_us = false;
};

// What one turn brought.
struct WebSocketTurn {
  std::vector<std::string> messages;  // whole ones, valid UTF-8, in their order
  // A frame came to its end, or a further 64 KiB of one: bytes that drip are no sign of life.
  bool heard = false;
  std::optional<WebSocketEnd> end;  // of the connection; messages before it are in this turn
};

// A WebSocket client (RFC 6455, text messages, no extensions): libcurl makes the connection, wslay
// the frames. One thread at a time; never blocks but in open() and for the time given to turn().
// PINGs are answered within the turns.
class WebSocket {
 public:
  // The wakeup is kept: it ends a turn's wait, and is cleared by that. Throws Error kConfig when
  // libcurl refuses a setting.
  WebSocket(Route route, const Wakeup& wakeup);
  // Drops the connection, if there still is one.
  ~WebSocket();
  WebSocket(const WebSocket&) = delete;
  WebSocket& operator=(const WebSocket&) = delete;

  // Once in an object's life. Verifies Sec-WebSocket-Accept and the sub-protocol.
  WebSocketAnswer open(const WebSocketRequest& request);

  // Waits until something can be read or sent, at most that long; sends what is queued; reads at
  // most 64 KiB, nothing when reading is false (the peer is then held back by TCP). After the end
  // there is no further turn.
  WebSocketTurn turn(Milliseconds wait, bool reading = true);

  // Queued; leaves with the next turns.
  void send(std::string_view text);

  // Queued likewise; the connection ends when the peer has closed too, or 5 s later.
  void close(int code, std::string_view reason = {});

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ohip
