#pragma once

#include <string>
#include <string_view>

#include "http/client.h"

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

// Reads the answer to it, in pieces of any size; interim answers (1xx) are skipped. No I/O, never
// throws for what is in the bytes; keeps at most kMaxHead and kMaxErrorBody of them before the 101.
class UpgradeReader {
 public:
  static constexpr std::size_t kMaxHead = std::size_t{64} << 10;

  explicit UpgradeReader(const UpgradeRequest& request)
      : accept_(accept_of(request.key)), subprotocol_(request.subprotocol) {}

  void read(std::string_view bytes);
  // The connection has ended, or the time is over: no more will come. why: in a few words.
  void end(const std::string& why);

  bool done() const { return done_; }
  // The upgrade is accepted, by a server that understood it.
  bool accepted() const { return accepted_; }
  // Once done. A 101 that is not accepted is whole, and its error says why.
  const HttpResponse& response() const { return response_; }
  // Frames that came right behind a 101.
  const std::string& rest() const { return buffer_; }

 private:
  enum class Body { kNone, kSized, kChunked, kUntilEnd };

  void read_head(std::string_view head);
  void read_status(std::string_view line);
  void judge_switch(std::string_view head);
  void prepare_body(std::string_view head);
  void read_body();
  bool read_chunk();
  void keep(std::size_t size);
  void finish(Transfer transfer, std::string error = {});

  std::string accept_;
  std::string subprotocol_;
  std::string buffer_;  // not yet read
  HttpResponse response_;
  Body body_ = Body::kNone;
  std::size_t left_ = 0;  // of the body, or of the chunk
  bool in_body_ = false;
  bool done_ = false;
  bool accepted_ = false;
};

}  // namespace ohip
