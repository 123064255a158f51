#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "http/route.h"

namespace ohip {

// Oracle answers up to 10 MB (business events guide, "Technical Assumptions").
inline constexpr std::size_t kMaxBody = std::size_t{32} << 20;
inline constexpr std::size_t kMaxErrorBody = std::size_t{64} << 10;

struct HttpRequest {
  std::string url;
  std::vector<std::pair<std::string, std::string>> headers;
  std::optional<std::string> form;       // set: POST of an application/x-www-form-urlencoded body
  std::optional<std::string> put = {};   // set: PUT of this body, whose type is among the headers
  Milliseconds connect_timeout{10'000};  // of each try to connect: name, proxy and TLS included
  Milliseconds answer_timeout{30'000};   // from the sending on until the last byte
  const Deadline* deadline = nullptr;    // of the run: nothing is waited for beyond it. Null: none.
  bool takes = false;  // the server deletes what it answers: once it is sent no deadline counts
  std::size_t max_body = kMaxBody;  // of a 2xx answer

  // Called once, when the connection stands, before the first byte of the request leaves. False: it
  // is not sent. If that took long, or the connection is of no use by then, the request leaves on
  // another one.
  std::function<bool()> on_send;
  // Called with each piece of the body of a 2xx answer as it arrives.
  std::function<void(std::string_view)> on_body;
};

// How an exchange ended.
enum class Transfer {
  kWhole,         // a whole answer, whatever its status
  kUnreachable,   // resolving, connecting or the TLS handshake failed: never sent
  kUntrusted,     // the server's certificate is not to be trusted: never sent
  kProxyRefused,  // the proxy does not take user name and password, now or before: never sent
  kNotSent,       // on_send said no, or the request could not be made
  kNoAnswer,      // sent, and no status line came back
  kCutOff,        // the answer began and did not end
  kTooLarge,      // the answer was longer than max_body: cut off there
};

struct HttpResponse {
  Transfer transfer = Transfer::kNotSent;
  int status = 0;      // 0: no answer arrived
  std::string reason;  // the words of the status line, as the server sent them
  // What arrived: at most max_body bytes of a 2xx answer, the first kMaxErrorBody of any other.
  // Content codings are undone, but for what on_body got: that is here as it was sent. Of no
  // answer: what came in its place, where the request has an on_body, which does not get it.
  std::string body;
  // The transfer is whole, and the head said where it ends: by Content-Length, the last chunk, or a
  // status without a body.
  bool delimited = false;
  std::string content_type;                         // empty when absent
  std::string location;                             // of a redirection; empty when absent
  std::optional<std::chrono::seconds> retry_after;  // at most a day
  std::string error;  // why the transfer is not whole, in a few words; no secret

  bool success() const { return status / 100 == 2; }
};

class HttpClient {
 public:
  virtual ~HttpClient() = default;

  // Sends the request at most once: never a silent second send on a connection that died. What
  // on_send and on_body throw comes out of here.
  virtual HttpResponse send(const HttpRequest& request) = 0;
};

// libcurl: HTTP/1.1, TLS 1.2 or better with verified certificates, no redirects. It keeps its
// connection for the next request, and uses it only if nothing waits in it, nor can be about to
// end it. One thread at a time.
class CurlHttpClient : public HttpClient {
 public:
  // Throws Error kConfig when libcurl refuses a setting.
  explicit CurlHttpClient(Route route = {});
  ~CurlHttpClient() override;

  HttpResponse send(const HttpRequest& request) override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// For a path segment, a query or a form: all but letters, digits and "-._~" becomes %XX.
std::string percent_encode(std::string_view text);

}  // namespace ohip
