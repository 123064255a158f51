// Names, ports and proxies that never answer: what waits for them has an end.

#include <dlfcn.h>
#include <netdb.h>

#include <csignal>
#include <future>
#include <string_view>
#include <thread>
#include <vector>

#include "base/stop.h"
#include "http/client.h"
#include "http/wording.h"
#include "support/catch.h"
#include "support/listener.h"
#include "support/scripted_server.h"

using namespace ohip;
using namespace ohip::test;
using namespace std::chrono_literals;

namespace {

constexpr auto kSilence = 20s;
constexpr auto kSoon = 10s;  // on a busy machine

// What libcurl asks for addresses: of that name no server says anything.
constexpr std::string_view kSilentName = "silent.invalid";

}  // namespace

extern "C" int getaddrinfo(const char* name, const char* service, const addrinfo* hints,
                           addrinfo** found) {
  if (name != nullptr && name == kSilentName) {
    std::this_thread::sleep_for(kSilence);
    return EAI_AGAIN;
  }
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): dlsym(3)
  static const auto real =
      reinterpret_cast<decltype(&getaddrinfo)>(dlsym(RTLD_NEXT, "getaddrinfo"));
  return real(name, service, hints, found);
}

namespace {

// A port that answers no SYN: its queue of connections that nobody accepts is full.
class SilentPort {
 public:
  SilentPort() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the sockets API
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    if (bind(listener_, generic, size) != 0 || listen(listener_, 0) != 0 ||
        getsockname(listener_, generic, &size) != 0) {
      throw std::runtime_error("no port");
    }
    port_ = ntohs(address.sin_port);
    for (int& waiting : waiting_) {
      waiting = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
      static_cast<void>(connect(waiting, generic, size));
    }
  }
  ~SilentPort() {
    for (const int waiting : waiting_) {
      close(waiting);
    }
    close(listener_);
  }
  SilentPort(const SilentPort&) = delete;
  SilentPort& operator=(const SilentPort&) = delete;

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

 private:
  int listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  std::array<int, 3> waiting_{};
  int port_ = 0;
};

// A proxy that says "no" to each CONNECT, and then that without end.
class EndlessProxy {
 public:
  std::string url() const { return "http://user:secret@" + listener_.address(); }

 private:
  Listener listener_{[](int connection) {
    std::array<char, 4096> request{};
    static_cast<void>(recv(connection, request.data(), request.size(), 0));
    std::string bytes = "HTTP/1.1 407 No\r\nContent-Length: 1000000000000\r\n\r\n";
    while (send(connection, bytes.data(), bytes.size(), MSG_NOSIGNAL) > 0) {
      bytes.assign(65'536, 'x');
    }
  }};
};

struct Clocks {
  Stop stop;
  SystemClock clock{stop};
};

// Sent by a client that is gone afterwards, too.
HttpResponse send(HttpRequest request, const std::string& proxy) {
  request.on_send = []() -> bool {
    FAIL("nothing is sent");
    return false;
  };
  const auto begin = std::chrono::steady_clock::now();
  HttpResponse response = CurlHttpClient({.ca_file = {}, .proxy = proxy}).send(request);
  CHECK(std::chrono::steady_clock::now() - begin < kSoon);
  return response;
}

// A URL and a proxy: nothing comes of one of them.
std::pair<std::string, std::string> silent_way(const SilentPort& port, std::size_t which) {
  const std::string name = "http://" + std::string(kSilentName);
  const std::string gateway = "https://gateway.invalid";
  return std::vector<std::pair<std::string, std::string>>{
      {name, ""}, {port.url(), ""}, {gateway, name}, {gateway, port.url()}}
      .at(which);
}

}  // namespace

TEST_CASE("a name, a port or a proxy that says nothing is left when the run's time is over") {
  const SilentPort silent;
  const Clocks run;
  HttpRequest request;
  request.connect_timeout = kSilence;
  request.takes = true;
  const auto [url, proxy] = silent_way(silent, GENERATE(0U, 1U, 2U, 3U));
  request.url = url;
  const bool by_signal = GENERATE(false, true);
  const Milliseconds time = by_signal ? Milliseconds(kSilence) : 200ms;
  std::thread other([=] {
    std::this_thread::sleep_for(200ms);
    if (by_signal) {
      std::raise(SIGTERM);
    }
  });
  const Deadline deadline(run.clock, time);
  request.deadline = &deadline;
  const HttpResponse response = send(request, proxy);
  CHECK(response.transfer == Transfer::kUnreachable);
  CHECK(response.error == "the run's time is over");
  other.join();
}

TEST_CASE("a name, a port or a proxy that says nothing is left after the time to connect") {
  const SilentPort silent;
  HttpRequest request;
  request.connect_timeout = 200ms;
  const auto [url, proxy] = silent_way(silent, GENERATE(0U, 1U, 2U, 3U));
  request.url = url;
  CHECK(send(request, proxy).transfer == Transfer::kUnreachable);
}

TEST_CASE("a proxy's endless refusal is one") {
  const EndlessProxy proxy;
  HttpRequest request;
  request.url = "https://gateway.invalid";
  request.connect_timeout = 500ms;
  const HttpResponse response = send(request, proxy.url());
  CHECK(response.transfer == Transfer::kProxyRefused);
  CHECK(unsent_error(response).status() == ExitStatus::kRefused);
}

TEST_CASE("a password that the proxy refuses is offered once, however many share it") {
  const std::vector<Step> no(20, answer("407 Proxy Authentication Required"));
  ScriptedServer proxy(no);
  const Route route{.ca_file = {},
                    .proxy = "http://user:secret@" + proxy.url().substr(7),
                    .no_proxy = {},
                    .proxy_login = std::make_shared<Login>()};
  std::vector<std::future<Transfer>> threads;
  for (int i = 0; i < 8; ++i) {
    threads.push_back(std::async(std::launch::async, [&] {
      HttpRequest request;
      request.url = "https://gateway.invalid";
      CurlHttpClient http(route);
      http.send(request);
      return http.send(request).transfer;
    }));
  }
  for (std::future<Transfer>& thread : threads) {
    CHECK(thread.get() == Transfer::kProxyRefused);
  }
  CHECK(proxy.requests().size() == 1);
}

TEST_CASE("while one waits for the proxy the others do so no longer than they may") {
  const SilentPort silent;
  const Route route{.ca_file = {},
                    .proxy = silent.url(),
                    .no_proxy = {},
                    .proxy_login = std::make_shared<Login>()};
  const auto begin = std::chrono::steady_clock::now();
  std::vector<std::future<Transfer>> threads;
  for (int i = 0; i < 4; ++i) {
    threads.push_back(std::async(std::launch::async, [&] {
      HttpRequest request;
      request.url = "https://gateway.invalid";
      request.connect_timeout = 500ms;
      return CurlHttpClient(route).send(request).transfer;
    }));
  }
  for (std::future<Transfer>& thread : threads) {
    CHECK(thread.get() == Transfer::kUnreachable);
  }
  CHECK(std::chrono::steady_clock::now() - begin < kSoon);
}
