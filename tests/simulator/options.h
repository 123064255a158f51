#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace ohip::sim {

// What the simulated gateway accepts, and how it behaves.
struct Options {
  std::string client_id = "demo-client";
  std::string client_secret = "demo-secret";
  std::string app_key = "0d8f6c1e-5b7a-4c3d-9e2f-1a2b3c4d5e6f";
  std::string enterprise_id = "DEMO";
  std::string scope = "urn:opc:hgbu:ws:__myscopes__";
  std::string username = "demo-user";
  std::string password = "demo-password";
  std::string external_system = "OHIPDEMO";
  std::vector<std::string> hotels;  // empty: every hotel exists

  std::chrono::seconds token_lifetime{3600};
  std::string expires_in = "number";  // in the token answer; or "string", "absent"
  bool camel_case_mapping = false;    // dataValueMapping, as in the schema, not in the examples
  std::uint64_t seed = 1;
  std::chrono::milliseconds rtt{0};  // added to every token call and poll

  // Oracle's are 300 and 50; a request above one is answered 429. 0: no limit.
  std::size_t polls_per_minute = 0;
  std::size_t requests_per_second = 0;  // token calls too

  int port = 0;  // 0: the system's choice
  bool tls = false;
};

}  // namespace ohip::sim
