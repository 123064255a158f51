#pragma once

#include <curl/curl.h>

#include <functional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "http/easy.h"
#include "http/route.h"

namespace ohip {

// A connection to a server, made by libcurl: names, proxy, TLS and trust are its work, what is said
// on it is ours. libcurl 8.12 does not let a handle make a second one: each has its own.
class Connection {
 public:
  // Asked several times a second while something is waited for. False: it is given up.
  using Patience = std::function<bool()>;

  // The route is kept, and remembers what was learnt on the way. With the names and TLS sessions in
  // shared, if there is one. Throws Error kConfig when libcurl refuses a setting.
  explicit Connection(Route& route, CURLSH* shared = nullptr);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Once. A certificate that was not trusted is looked at again with all the roots there are.
  CURLcode open(const std::string& url, Milliseconds timeout, const Patience& patience);
  // Why it failed, in a few words; no secret.
  std::string error() const;
  // The proxy's words to it: its status, 0: none; it wants a user name and a password, and those
  // that it was given are not the right ones.
  int proxy_status() const;
  bool is_refused_by_proxy() const;

  // Nothing is to be read from it, and it has not ended. What TLS itself has to say, as a server's
  // session tickets, is read.
  bool is_quiet();

  // False: the connection is broken, or patience has ended.
  bool send(std::string_view bytes, const Patience& patience);

  enum class Got { kBytes, kEnd, kBroken, kNothing };
  // Waits for what comes: up to size bytes, of which there are bytes.size() then; kEnd: nothing
  // more will come, and so the other side says (but see below); kNothing: patience has ended.
  // libcurl before 8 takes TCP's end of a TLS connection for that.
  Got receive(char* buffer, std::size_t size, std::string_view& bytes, const Patience& patience);

  CURL* easy() const { return easy_.get(); }
  curl_socket_t socket() const { return socket_; }

 private:
  CURLcode connect();
  short await(short events, Milliseconds wait) const;
  bool has_begun_record() const;

  Route& route_;
  Easy easy_ = make_easy();
  curl_socket_t socket_ = CURL_SOCKET_BAD;
  std::string error_;
};

}  // namespace ohip
