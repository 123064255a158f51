#pragma once

#include <rapidjson/document.h>

#include <cstdint>
#include <string>

#include "simulator/simulator.h"
#include "support/catch.h"
#include "support/simulator_client.h"

namespace ohip::test {

inline constexpr const char* kRequestId = "0b0e7f2a-6f0c-4b5e-8a39-2d1c94a1c0de";

// A simulator, and a client that does everything right unless told otherwise.
struct Fixture {
  explicit Fixture(const sim::Options& options = {}) : sim(options) {}

  Headers token_headers() const {
    return {{"Authorization", "Basic ZGVtby1jbGllbnQ6ZGVtby1zZWNyZXQ="},  // demo-client:demo-secret
            {"x-app-key", sim.options().app_key},
            {"enterpriseId", sim.options().enterprise_id}};
  }

  Answer post_token(const Headers& headers, const std::string& form) {
    return client.send("POST", sim.url() + "/oauth/v1/tokens", headers, form);
  }

  Answer post_token() {
    return post_token(token_headers(),
                      "grant_type=client_credentials&scope=urn:opc:hgbu:ws:__myscopes__");
  }

  std::string token() {
    rapidjson::Document answer;
    answer.Parse(post_token().body.c_str());
    return answer["access_token"].GetString();
  }

  Headers poll_headers() {
    if (token_.empty()) {
      token_ = token();
    }
    return {{"Authorization", "Bearer " + token_},
            {"x-app-key", sim.options().app_key},
            {"x-hotelid", "ABC"},
            {"x-request-id", kRequestId},
            {"Accept", "application/json"},
            {"x-externalsystem", "OHIPDEMO"}};
  }

  Answer get(const std::string& path, const Headers& headers) {
    return client.send("GET", sim.url() + path, headers);
  }

  Answer poll(const std::string& hotel = "ABC", const std::string& query = {}) {
    return get("/int/v1/externalSystem/OHIPDEMO/hotels/" + hotel + "/businessEvents" + query,
               poll_headers());
  }

  Answer poll_chain() {
    return get("/int/v1/externalSystem/OHIPDEMO/businessEvents", poll_headers());
  }

  std::uint64_t polls() const { return sim.stats().polls; }

  sim::Simulator sim;
  CurlClient client;
  std::string token_;
};

inline rapidjson::Document parse(const std::string& json) {
  rapidjson::Document document;
  document.Parse(json.c_str());
  REQUIRE_FALSE(document.HasParseError());
  return document;
}

inline std::string error_code(const Answer& answer) {
  return parse(answer.body)["o:errorCode"].GetString();
}

}  // namespace ohip::test
