#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "http/websocket.h"

namespace ohip {

// Why a connection does not stand.
struct Refusal {
  int status = 0;  // of the answer to the upgrade, or the proxy's; 0: there was none
  bool by_proxy = false;
  bool untrusted = false;  // the certificate
  std::optional<std::chrono::seconds> retry_after = std::nullopt;
  std::string words = {};  // the server's or libcurl's, masked, in one line
};

Refusal refusal_in(const WebSocketAnswer& answer);

}  // namespace ohip
