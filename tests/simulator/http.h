#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ohip::sim {

class Socket;

using Parameters = std::map<std::string, std::string>;

// name=value&name=value, percent-decoded; of a name given twice the first counts. Also the syntax
// of a form body and of a fault.
Parameters parse_parameters(std::string_view text);

struct Request {
  std::string method;
  std::vector<std::string> path;  // decoded segments: /sim/stats is {"sim", "stats"}
  Parameters query;
  Parameters headers;  // names in lower case
  std::string body;

  // Empty when absent.
  std::string header(const std::string& name) const;
  std::string parameter(const std::string& name, const std::string& otherwise = {}) const;
};

// /path?query as it stands on the request line.
void set_target(Request& request, std::string_view target);

// What happens to an answer on its way.
struct Delivery {
  std::chrono::milliseconds delay{0};  // before its first byte
  bool close = false;                  // the connection is closed, nothing is sent
  bool chunked = false;                // without a Content-Length
  std::size_t bytes = 0;               // of the body, sent before stall and cut
  std::chrono::milliseconds stall{0};  // a pause inside the body
  bool cut = false;                    // the connection is closed inside the body
};

struct Reply {
  int status = 200;
  std::string body;
  std::string content_type = "application/json;charset=UTF-8";
  std::vector<std::pair<std::string, std::string>> headers;
  Delivery delivery;
  // Of a 101: what becomes of the connection, which ends with it.
  std::function<void(Socket&)> upgrade;
};

// 8-4-4-4-12 hexadecimal digits.
bool is_uuid(std::string_view text);

// Oracle's exceptionDetailType.
Reply oracle_error(int status, std::string_view code, std::string_view title);

// A status and nothing else: what the gateway itself, before OPERA, answers.
Reply bare(int status);

}  // namespace ohip::sim
