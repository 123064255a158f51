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

  // The Streaming API's. Where Oracle names a figure, it is the default.
  std::string stream_chain;         // the chain to whose stream queued events belong, too
  std::vector<std::string> chains;  // empty: every chain exists
  std::chrono::milliseconds init_timeout{5'000};
  std::chrono::milliseconds ping_limit{15'000};        // between two pings of the client
  std::chrono::milliseconds server_ping{10'000};       // from one of our own to the next
  std::chrono::milliseconds pong_limit{180'000};       // without a pong
  std::chrono::milliseconds lock_out{120'000};         // after an end without complete
  std::chrono::milliseconds resubscribe_wait{10'000};  // after complete
  std::chrono::seconds retention{7L * 24 * 3600};
  std::size_t late_events = 5;         // sent after complete, where there are more
  std::size_t upgrades_per_2_min = 0;  // Oracle's is 150; 0: no limit

  int port = 0;  // 0: the system's choice
  bool tls = false;
};

}  // namespace ohip::sim
