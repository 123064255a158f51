#include "http/upgrade.h"

#include <fmt/format.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "base/digest.h"
#include "base/error.h"
#include "http/target.h"

namespace ohip {
namespace {

std::string random_key() {
  std::array<unsigned char, 16> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) {
    fail(ExitStatus::kSoftware, "OpenSSL has no random bytes");
  }
  return base64(std::string(bytes.begin(), bytes.end()));
}

bool lists(const AnswerReader& answer, std::string_view name, std::string_view word) {
  const std::vector<std::string> all = answer.elements(name);
  return std::find(all.begin(), all.end(), word) != all.end();
}

}  // namespace

UpgradeRequest make_upgrade_request(const std::string& url, const std::string& subprotocol) {
  const std::optional<Target> target = parse_target(url);
  if (!target) {
    fail(ExitStatus::kConfig, "the web socket's URL is none");  // it holds the key's hash
  }
  UpgradeRequest request;
  request.key = random_key();
  request.subprotocol = subprotocol;
  request.bytes = fmt::format(
      "GET {} HTTP/1.1\r\n"
      "Host: {}\r\n"
      "Upgrade: websocket\r\n"
      "Connection: Upgrade\r\n"
      "Sec-WebSocket-Key: {}\r\n"
      "Sec-WebSocket-Version: 13\r\n"
      "Sec-WebSocket-Protocol: {}\r\n"
      "User-Agent: ohip-poll\r\n\r\n",
      target->path, target->host, request.key, subprotocol);
  return request;
}

std::string accept_of(const std::string& key) {
  return base64(sha1(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"));
}

// Extensions were not asked for.
std::string fault_of_switch(const UpgradeRequest& request, const AnswerReader& answer) {
  using Values = std::vector<std::string>;
  if (!lists(answer, "upgrade", "websocket") || !lists(answer, "connection", "upgrade")) {
    return "it switches to something other than a web socket";
  }
  if (answer.values("sec-websocket-accept") != Values{accept_of(request.key)}) {
    return "its Sec-WebSocket-Accept is not of this request";
  }
  if (answer.values("sec-websocket-protocol") != Values{request.subprotocol}) {
    return fmt::format("its sub-protocol is not {}", request.subprotocol);
  }
  return answer.values("sec-websocket-extensions").empty()
             ? ""
             : "it uses extensions that nobody asked for";
}

}  // namespace ohip
