#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/stop.h"

namespace ohip {

// A call as Fn, the platform under OCI Functions, makes it.
struct FnCall {
  std::string id;             // Fn-Call-Id
  std::string deadline;       // Fn-Deadline, RFC 3339
  bool http_request = false;  // Fn-Intent: an HTTP gateway passes on what a client of its own wants
};

// What Fn understands. Any other status makes it kill the container, and with it the spool (only
// 504 does not, which says that the time was over).
enum class FnStatus { kDone = 200, kFailed = 502 };

struct FnAnswer {
  FnStatus status = FnStatus::kDone;
  std::string json;
};

// Must not throw.
using FnHandler = std::function<FnAnswer(const FnCall&)>;

// Fn's container contract: HTTP/1.1 on the unix socket that FN_LISTENER names, POST /call, one call
// at a time.
class FnServer {
 public:
  // Callers may connect from now on. Throws Error kConfig when the platform's variable is wrong.
  FnServer(const std::string& listener, FnHandler handler);
  ~FnServer();  // removes the socket
  FnServer(const FnServer&) = delete;
  FnServer& operator=(const FnServer&) = delete;

  // Answers calls until a stop is requested; one that has begun is answered first.
  void serve(const Stop& stop);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ohip
