#include <algorithm>
#include <chrono>
#include <string>

#include "support/simulator_fixture.h"

using ohip::sim::Options;
using ohip::test::Answer;
using ohip::test::Fixture;
using ohip::test::Headers;
using ohip::test::parse;

TEST_CASE("the right credentials get a token in the form of a JWT") {
  Fixture f;
  const std::string form =
      GENERATE("grant_type=client_credentials&scope=urn%3Aopc%3Ahgbu%3Aws%3A__myscopes__",
               "grant_type=password&username=demo-user&password=demo-password");
  const Answer answer = f.post_token(f.token_headers(), form);
  CHECK(answer.status == 200);
  const rapidjson::Document json = parse(answer.body);
  const std::string token = json["access_token"].GetString();
  CHECK(std::count(token.begin(), token.end(), '.') == 2);
  CHECK(token.find_first_of("+/=") == std::string::npos);
  CHECK(token.find_first_of("-_") != std::string::npos);
  CHECK(json["expires_in"].GetInt() == 3600);
  CHECK(f.sim.stats().tokens == 1);
}

TEST_CASE("the password grant needs no enterprise id") {
  Fixture f;
  Headers headers = f.token_headers();
  headers.erase("enterpriseId");
  CHECK(f.post_token(headers, "grant_type=password&username=demo-user&password=demo-password")
            .status == 200);
}

TEST_CASE("a token request that is wrong anywhere is refused") {
  struct Wrong {
    const char* header;
    const char* value;
    const char* form;
    long status;
  };
  const char* const right = "grant_type=client_credentials&scope=urn:opc:hgbu:ws:__myscopes__";
  const Wrong wrong = GENERATE_COPY(values<Wrong>({
      {"Authorization", "Basic eDp5", right, 401},
      {"Authorization", "Bearer x", right, 401},
      {"x-app-key", "", right, 400},
      {"x-app-key", "no-uuid", right, 400},
      {"x-app-key", "11111111-1111-4111-8111-111111111111", right, 401},
      {"Content-Type", "application/json", right, 400},
      {"enterpriseId", "", right, 400},
      {"enterpriseId", "lower", right, 400},
      {"enterpriseId", "OTHER", right, 401},
      {"X", "", "grant_type=client_credentials&scope=other", 401},
      {"X", "", "grant_type=Client+Credentials", 401},
      {"X", "", "scope=urn:opc:hgbu:ws:__myscopes__", 400},
      {"X", "", "grant_type=password&username=demo-user&password=wrong", 401},
  }));
  Fixture f;
  Headers headers = f.token_headers();
  headers[wrong.header] = wrong.value;
  CAPTURE(wrong.header, wrong.value, wrong.form);
  CHECK(f.post_token(headers, wrong.form).status == wrong.status);
  CHECK(f.sim.stats().tokens == 0);
  CHECK(f.sim.stats().token_refusals == 1);
}

TEST_CASE("expires_in is a number, a string or absent") {
  Options options;
  options.expires_in = GENERATE("number", "string", "absent");
  Fixture f(options);
  const rapidjson::Document json = parse(f.post_token().body);
  CHECK(json.HasMember("expires_in") == (options.expires_in != "absent"));
  if (json.HasMember("expires_in")) {
    CHECK(json["expires_in"].IsString() == (options.expires_in == "string"));
  }
}

TEST_CASE("a revoked token gets a bare 401, a new one the events") {
  Fixture f;
  f.sim.enqueue("ABC", 1);
  f.poll_headers();
  f.sim.revoke_tokens();
  const Answer refused = f.poll();
  CHECK(refused.status == 401);
  CHECK(refused.body.empty());
  f.token_.clear();
  CHECK(f.poll().status == 200);
}

TEST_CASE("an expired token gets a 401") {
  Options options;
  options.token_lifetime = std::chrono::seconds(0);
  Fixture f(options);
  CHECK(f.poll().status == 401);
}
