#pragma once

#include <string>

#include "http/answer.h"

namespace ohip {

// The HTTP request that turns a connection into a web socket (RFC 6455, 4.1).
struct UpgradeRequest {
  std::string bytes;
  std::string key;  // Sec-WebSocket-Key
  std::string subprotocol;
};

// With a random key. Throws Error kConfig when the URL is none.
UpgradeRequest make_upgrade_request(const std::string& url, const std::string& subprotocol);

// What must come back in Sec-WebSocket-Accept.
std::string accept_of(const std::string& key);

// Why an answer of status 101 is not that of a server that understood the request; empty: it is.
std::string fault_of_switch(const UpgradeRequest& request, const AnswerReader& answer);

}  // namespace ohip
