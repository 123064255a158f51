// The proxy to the gateway refuses, babbles, or says nothing.

#include <fmt/format.h>
#include <sys/socket.h>

#include <array>

#include "faults/classes.h"
#include "support/listener.h"

namespace ohip::faults {
namespace {

constexpr std::size_t kEvents = 20;
constexpr const char* kPassword = "Win-ter26";

// Answers each request with these bytes; then with the last ones without end, or it hangs up.
class Proxy {
 public:
  Proxy(std::string bytes, std::string endless)
      : bytes_(std::move(bytes)), endless_(std::move(endless)) {}

  std::string url() const {
    return fmt::format("http://svc:{}@{}", kPassword, listener_.address());
  }
  int asked() const { return listener_.connections(); }

 private:
  void serve(int connection) {
    std::array<char, 4096> request{};
    static_cast<void>(recv(connection, request.data(), request.size(), 0));
    ssize_t sent = ::send(connection, bytes_.data(), bytes_.size(), MSG_NOSIGNAL);
    while (sent > 0 && !endless_.empty()) {
      sent = ::send(connection, endless_.data(), endless_.size(), MSG_NOSIGNAL);
    }
    if (bytes_.empty()) {  // says nothing until the other side has had enough
      static_cast<void>(recv(connection, request.data(), request.size(), 0));
    }
  }

  std::string bytes_;
  std::string endless_;
  Listener listener_{[this](int connection) { serve(connection); }};
};

struct Fault {
  std::string what;
  std::string bytes;
  std::string endless;
  int status;
  int most_asked;  // how often the password may be offered
};

std::vector<Fault> faults() {
  const std::string no = "HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm=\"x\"\r\n";
  const std::string much(65'536, 'x');
  constexpr int kTries = 50;  // of a fault that may pass
  return {
      {"a refusal", no + "Content-Length: 0\r\n\r\n", "", 77, 1},
      {"a refusal that ends the connection", no + "Connection: close\r\n\r\n", "", 77, 1},
      {"an endless refusal", no + "Content-Length: 99999999999\r\n\r\n", much, 77, 1},
      {"a refusal in endless chunks", no + "Transfer-Encoding: chunked\r\n\r\n",
       "10000\r\n" + much + "\r\n", 77, 1},
      {"a refusal with endless headers", no, "X-Header: x\r\n", 77, 1},
      {"forbidden", "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", "", 69, kTries},
      {"a bad gateway", "HTTP/1.1 502 No\r\nContent-Length: 2\r\n\r\nno", "", 69, kTries},
      {"what is no HTTP", "220 mail.example ESMTP\r\n", "", 69, kTries},
      {"endless bytes that are no HTTP", "220 mail.example ESMTP\r\n", much, 69, kTries},
      {"a tunnel that ends at once", "HTTP/1.1 200 OK\r\n\r\n", "", 69, kTries},
      {"a tunnel to no TLS", "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", 69, kTries},
      {"silence", "", "", 69, kTries},
  };
}

void fails(Stage& stage, Row& row, const Fault& fault) {
  const Proxy proxy(fault.bytes, fault.endless);
  Case one(stage, row, fault.what, {"A", "B", "C"});
  one.enqueue(kEvents);
  one.environment["OHIP_GATEWAY_URL"] = "https://gateway.invalid";
  one.environment["HTTPS_PROXY"] = proxy.url();
  if (fault.status == 77) {  // who pings has the same proxy
    one.environment["OHIP_PING_URL"] = "https://watchdog.invalid/x";
  }
  const auto begin = std::chrono::steady_clock::now();
  const test::Result result = one.run({"--once", "--deadline", "1s", "-v", "--report", "json"});
  const auto passed = std::chrono::steady_clock::now() - begin;
  one.expect(result.status == fault.status, fmt::format("exit {}", fault.status));
  one.expect(passed < std::chrono::seconds(20), "the deadline holds");
  one.expect(proxy.asked() <= fault.most_asked,
             fmt::format("the password is offered at most {} times, not {}", fault.most_asked,
                         proxy.asked()));
  one.expect(!contains(result.err + result.out, kPassword), "the password is not shown");
  one.expect(one.polls() == 0, "OHIP is not asked");
  one.environment["OHIP_GATEWAY_URL"] = stage.ohip.url();
  one.environment.erase("HTTPS_PROXY");
  one.environment.erase("OHIP_PING_URL");
  one.settle({0});
}

// What libcurl would read as another host and a path.
void misspelt(Stage& stage, Row& row, const std::string& password) {
  Case one(stage, row, "a password that is not spelled as in a URL");
  one.enqueue(kEvents);
  one.environment["HTTPS_PROXY"] = fmt::format("http://svc:{}@127.0.0.1:1", password);
  const test::Result result = one.run({"--once", "-v"});
  one.expect(result.status == 78, "exit 78");
  one.expect(!contains(result.err, "Win") && !contains(result.err, "26"), "it is not shown");
  one.environment.erase("HTTPS_PROXY");
  one.settle({0});
}

}  // namespace

void proxy(Row& row, std::size_t stride) {
  Stage stage;
  const std::vector<Fault> all = faults();
  for (std::size_t i = 0; i < all.size(); i += stride) {
    fails(stage, row, all[i]);
  }
  misspelt(stage, row, "Win/ter#26");
  misspelt(stage, row, "26/Winter");
  misspelt(stage, row, "26#Winter");
}

}  // namespace ohip::faults
