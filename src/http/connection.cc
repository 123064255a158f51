#include "http/connection.h"

#include <openssl/ssl.h>
#include <poll.h>

#include <array>

#include "base/secrets.h"

namespace ohip {
namespace {

constexpr Milliseconds kLook{100};  // how long patience is not asked

// Keeps the connection known to routers on the way while OPERA is thinking.
constexpr long kKeepAliveSeconds = 30;

// What the caller's function throws has no way through libcurl; it is then as good as a no.
int on_progress(void* patience, curl_off_t /*to come*/, curl_off_t /*came*/, curl_off_t /*to go*/,
                curl_off_t /*went*/) noexcept {
  try {
    return (*static_cast<const Connection::Patience*>(patience))() ? 0 : 1;
  } catch (...) {
    return 1;
  }
}

}  // namespace

Connection::Connection(Route& route, CURLSH* shared) : route_(route) {
  CURL* const easy = easy_.get();
  set(easy, CURLOPT_NOSIGNAL, 1L);
  set(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  set(easy, CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_1_1});
  set(easy, CURLOPT_CONNECT_ONLY, 1L);
  set(easy, CURLOPT_HTTPPROXYTUNNEL, 1L);
  set(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  set(easy, CURLOPT_QUICK_EXIT, 1L);  // do not wait for a resolver that does not answer
  set(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  set(easy, CURLOPT_TCP_KEEPIDLE, kKeepAliveSeconds);
  set(easy, CURLOPT_TCP_KEEPINTVL, kKeepAliveSeconds);
  set(easy, CURLOPT_USERAGENT, "ohip-poll");  // to a proxy
  set(easy, CURLOPT_SHARE, shared);
  set_route(easy, route);
}

CURLcode Connection::open(const std::string& url, Milliseconds timeout, const Patience& patience) {
  CURL* const easy = easy_.get();
  set(easy, CURLOPT_URL, url.c_str());
  set(easy, CURLOPT_CONNECTTIMEOUT_MS, long{timeout.count()});
  set(easy, CURLOPT_TIMEOUT_MS, long{timeout.count()});
  set(easy, CURLOPT_NOPROGRESS, 0L);
  set(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
  set(easy, CURLOPT_XFERINFODATA, &patience);
  CURLcode code = connect();
  if (is_untrusted(code) && add_roots(easy, route_)) {
    code = connect();
  }
  set(easy, CURLOPT_NOPROGRESS, 1L);
  set(easy, CURLOPT_XFERINFODATA, nullptr);
  socket_ = get<curl_socket_t>(easy, CURLINFO_ACTIVESOCKET);
  return code;
}

CURLcode Connection::connect() {
  std::array<char, CURL_ERROR_SIZE> words{};
  set(easy_.get(), CURLOPT_ERRORBUFFER, words.data());
  const CURLcode code = curl_easy_perform(easy_.get());
  set(easy_.get(), CURLOPT_ERRORBUFFER, nullptr);
  error_ = words[0] != '\0' ? words.data() : curl_easy_strerror(code);
  return code;
}

std::string Connection::error() const {
  return masked(error_);
}

int Connection::proxy_status() const {
  return static_cast<int>(get<long>(easy_.get(), CURLINFO_HTTP_CONNECTCODE));
}

bool Connection::is_refused_by_proxy() const {
  constexpr int kProxyAuthenticationRequired = 407;
  return proxy_status() == kProxyAuthenticationRequired ||
         get<long>(easy_.get(), CURLINFO_PROXY_ERROR) == CURLPX_USER_REJECTED;
}

bool Connection::is_quiet() {
  constexpr int kMaxLooks = 16;
  for (int looks = 0; looks < kMaxLooks; ++looks) {
    char byte = 0;
    std::size_t size = 0;
    if (curl_easy_recv(easy_.get(), &byte, 1, &size) != CURLE_AGAIN || has_begun_record()) {
      return false;
    }
    if (await(POLLIN | POLLRDHUP, Milliseconds{0}) == 0) {
      return true;
    }
  }
  return false;
}

// A part of a TLS record has come: of what, nobody can say yet.
bool Connection::has_begun_record() const {
  const auto* session = get<curl_tlssessioninfo*>(easy_.get(), CURLINFO_TLS_SSL_PTR);
  return session != nullptr && session->backend == CURLSSLBACKEND_OPENSSL &&
         session->internals != nullptr &&
         SSL_has_pending(static_cast<const SSL*>(session->internals)) == 1;
}

bool Connection::send(std::string_view bytes, const Patience& patience) {
  while (!bytes.empty()) {
    std::size_t sent = 0;
    const CURLcode code = curl_easy_send(easy_.get(), bytes.data(), bytes.size(), &sent);
    if (code == CURLE_AGAIN) {
      if (!patience()) {
        return false;
      }
      await(POLLOUT, kLook);
    } else if (code != CURLE_OK) {
      error_ = curl_easy_strerror(code);
      return false;
    }
    bytes.remove_prefix(sent);
  }
  return true;
}

// All that libcurl and OpenSSL hold is taken before the socket is waited for.
Connection::Got Connection::receive(char* buffer, std::size_t size, std::string_view& bytes,
                                    const Patience& patience) {
  bytes = {};
  while (patience()) {
    std::size_t got = 0;
    const CURLcode code = curl_easy_recv(easy_.get(), buffer, size, &got);
    if (code == CURLE_OK) {
      bytes = {buffer, got};
      return got > 0 ? Got::kBytes : Got::kEnd;
    }
    if (code != CURLE_AGAIN) {
      error_ = curl_easy_strerror(code);
      return Got::kBroken;
    }
    await(POLLIN, kLook);
  }
  return Got::kNothing;
}

// What poll(2) says. A signal ends the wait: then any of it may be so.
short Connection::await(short events, Milliseconds wait) const {
  pollfd entry = {.fd = socket_, .events = events, .revents = 0};
  return ::poll(&entry, 1, static_cast<int>(wait.count())) < 0 ? events : entry.revents;
}

}  // namespace ohip
