#pragma once

#include <string>

#include "config/config.h"

namespace ohip {

// https, or http to this machine alone; no user info, query or fragment. The answer's slashes are
// in order, with none at its end. Throws Error kConfig "why", which repeats no more of the text
// than its host.
std::string parse_url(const std::string& text);
Gateway parse_gateway_url(const std::string& text);

// Of a Prometheus Pushgateway: as above, but a user name and a password may stand in it, the
// special characters in them spelled %XX. Throws Error kConfig "why", which repeats nothing of the
// text.
std::string parse_pushgateway_url(const std::string& text);

// What it is told as password, or as user name where there is no other; empty: neither.
std::string url_password(const std::string& url);

// A proxy in libcurl's notation, or empty for none. Throws Error kConfig "why", which repeats
// nothing of the text: what libcurl takes for a port or a path may be part of a password.
std::string parse_proxy(const std::string& text);

// Of a proxy that parse_proxy() let pass, as the proxy is told it. Empty: it has none.
std::string proxy_password(const std::string& proxy);

}  // namespace ohip
