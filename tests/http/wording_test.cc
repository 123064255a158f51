#include "http/wording.h"

#include <algorithm>

#include "base/secrets.h"
#include "support/catch.h"

using namespace ohip;
using namespace std::string_literals;

namespace {

HttpResponse answer(int status, std::string reason, std::string body = {}, std::string type = {}) {
  HttpResponse response;
  response.transfer = Transfer::kWhole;
  response.status = status;
  response.reason = std::move(reason);
  response.body = std::move(body);
  response.content_type = std::move(type);
  return response;
}

std::string describe(const std::string& body, const std::string& type = "application/json") {
  return describe_answer(answer(403, "Forbidden\r\n", body, type));
}

Error unsent(Transfer transfer) {
  HttpResponse response;
  response.transfer = transfer;
  response.error = "why";
  return unsent_error(response);
}

}  // namespace

TEST_CASE("Oracle's error is told by its code, title and detail") {
  CHECK(describe(R"({"type":"Bad Request","title":"User is not authorized","detail":"resort XYZ",)"
                 R"("o:errorCode":"OPERAWS-GEN01244","language":"en"})") ==
        "403 Forbidden: OPERAWS-GEN01244: User is not authorized: resort XYZ");
}

TEST_CASE("the first of Oracle's error details is told, and nothing twice") {
  CHECK(describe(R"({"title":"Bad Request","detail":"Bad Request","o:errorDetails":[)"
                 R"({"o:errorCode":"OPICS-0300","o:errorPath":"limit","title":"too large"},)"
                 R"({"title":"another"}]})") ==
        "403 Forbidden: Bad Request: OPICS-0300: limit: too large");
}

TEST_CASE("OAuth's error is told") {
  CHECK(describe(R"({"error":"invalid_grant","error_description":"[Wrong Password]"})") ==
        "403 Forbidden: invalid_grant: [Wrong Password]");
}

TEST_CASE("an answer without a body is its status") {
  CHECK(describe("") == "403 Forbidden");
  CHECK(describe_answer(answer(401, "")) == "401");
}

TEST_CASE("a short text is told, a page or a long text only by kind and size") {
  CHECK(describe("Enterprise ID is required", "text/plain") ==
        "403 Forbidden: Enterprise ID is required");
  CHECK(describe(R"({"message":"no"})") == R"(403 Forbidden: {"message":"no"})");
  CHECK(describe("<html><body>no</body></html>", "text/html; charset=UTF-8") ==
        "403 Forbidden: text/html of 28 bytes");
  CHECK(describe(std::string(201, 'x'), "text/plain") == "403 Forbidden: text/plain of 201 bytes");
  CHECK(describe(std::string(201, 'x'), "") == "403 Forbidden: untyped of 201 bytes");
}

TEST_CASE("of a success nothing is told that its body says") {
  CHECK(describe_answer(answer(200, "OK", "eyJhbGciOi.secret", "text/plain")) ==
        "200 OK: text/plain of 17 bytes");
  CHECK(describe_answer(answer(200, "OK", R"({"title":"guest"})", "application/json")) ==
        "200 OK: application/json of 17 bytes");
}

TEST_CASE("a gateway that repeats what it was sent gives no secret away") {
  keep_secret("eyJhbGciOiJSUzI1NiJ9.x.y");
  keep_secret("of-the-application");
  CHECK(describe(R"({"title":"Unauthorized","detail":"Bearer eyJhbGciOiJSUzI1NiJ9.x.y"})") ==
        "403 Forbidden: Unauthorized: Bearer ***");
  CHECK(describe("x-app-key: of-the-application", "text/plain") == "403 Forbidden: x-app-key: ***");
  CHECK(describe_answer(answer(403, "No of%2Dthe%2Dapplication")) == "403 No ***");
  CHECK(describe_answer(answer(403, "No", std::string(300, 'x'), "text/of-the-application")) ==
        "403 No: text/*** of 300 bytes");
}

TEST_CASE("whatever a server sends becomes one printable line of bounded length") {
  const std::string hostile =
      GENERATE("\x1b[2J\r\nohip-poll: error: \xC2\x9B\0x"s, std::string(200, '\n'),
               std::string(R"({"title":")" + std::string(5000, 'x') + R"("})"),
               std::string("{\"title\":\"a\\u0000\\u001b\\r\\nb\\u009b\",\"detail\":7}"),
               std::string("{\"o:errorDetails\":[7]}"), std::string("{\"o:errorDetails\":{}}"),
               std::string("[]"), std::string("null"), std::string(60'000, '['));
  for (const std::string& line : {describe(hostile), describe(hostile, hostile),
                                  describe_answer(answer(403, hostile, hostile, hostile))}) {
    CHECK(line.rfind("403", 0) == 0);
    CHECK(line.size() <= 300);
    CHECK(std::all_of(line.begin(), line.end(), [](char c) { return c >= ' ' && c <= '~'; }));
    CHECK(line.find("\xC2\x9B") == std::string::npos);
  }
}

TEST_CASE("a request that was never sent is unavailable or misconfigured, with what to do") {
  CHECK(unsent(Transfer::kUnreachable).status() == ExitStatus::kUnavailable);
  CHECK(unsent(Transfer::kUntrusted).status() == ExitStatus::kConfig);
  CHECK(unsent(Transfer::kUntrusted).hint().find("--ca-file") != std::string::npos);
  CHECK(unsent(Transfer::kNotSent).status() == ExitStatus::kConfig);
  CHECK(unsent(Transfer::kProxyRefused).status() == ExitStatus::kRefused);
  for (const auto transfer : {Transfer::kUnreachable, Transfer::kUntrusted, Transfer::kNotSent,
                              Transfer::kProxyRefused}) {
    CHECK(std::string(unsent(transfer).what()).find("why") != std::string::npos);
    CHECK_FALSE(unsent(transfer).hint().empty());
  }
}

TEST_CASE("a redirection tells its path, not its host and not its query") {
  HttpResponse response = answer(302, "Found");
  const auto [location, line] =
      GENERATE(as<std::pair<std::string, std::string>>(),
               std::pair("https://login.example/sso/start?token=1#x", "302 Found: to /sso/start"),
               std::pair("/sign-in", "302 Found: to /sign-in"),
               std::pair("https://h", "302 Found: to /"), std::pair("", "302 Found"));
  response.location = location;
  CHECK(describe_answer(response) == line);
}

TEST_CASE("of a body without events no more is told than it says of itself") {
  CHECK(words_of(R"({"error":"busy","guest":"Smith"})") == "busy");
  CHECK(words_of("<html><TITLE>Sign in</title>Smith") == "Sign in");
  for (const char* const body : {"", "Smith", "{}", "[]", "<title>Smith", "</title><title>"}) {
    CHECK(words_of(body).empty());
  }
}
