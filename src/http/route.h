#pragma once

#include <curl/curl.h>

#include <memory>
#include <string>

#include "base/login.h"

namespace ohip {

// The way to a server, and whom it must prove to be.
struct Route {
  std::string ca_file = {};   // PEM file of trusted roots; empty: the system's
  std::string proxy = {};     // in libcurl's notation; empty: none. May hold a password.
  std::string no_proxy = {};  // hosts that are reached without it
  // How the proxy takes that password: all who share it offer a wrong one once. Null: not shared.
  std::shared_ptr<Login> proxy_login = nullptr;
  bool all_roots = false;  // see add_roots()
};

// TLS 1.2 or better with verified certificates; this proxy and none of libcurl's own variables.
// Throws Error kConfig when libcurl refuses a setting.
void set_route(CURL* easy, const Route& route);

// For a certificate that was not trusted: now, and on this route from now on, with all the roots
// there are. set_route() looks for the system's in a directory, by the hashes of their names, where
// there is one: parsing the whole bundle takes longer than a handshake. False: nothing more to look
// at.
bool add_roots(CURL* easy, Route& route);

// Whether the server did not prove to be the one that was meant.
bool is_untrusted(CURLcode code);

}  // namespace ohip
