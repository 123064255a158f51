#pragma once

#include <optional>
#include <string>

namespace ohip {

// What a request to a URL says of it.
struct Target {
  std::string origin;  // scheme, host and port: a connection to it serves all its paths
  std::string host;    // with the port, where it is not the scheme's
  std::string path;    // with the query
  std::string login;   // user:password, decoded; empty: none
};

// Nothing: it is no URL.
std::optional<Target> parse_target(const std::string& url);

}  // namespace ohip
