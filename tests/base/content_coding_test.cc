#include "base/content_coding.h"

#include "support/catch.h"
#include "support/coded.h"

using namespace ohip;
using namespace ohip::test;

namespace {

constexpr std::size_t kLimit = std::size_t{1} << 20;
const std::string kJson = R"({"businessEventData":[{"businessEventId":{"id":"1"}}]})";

}  // namespace

TEST_CASE("what has no coding is left alone") {
  for (const std::string body : {"", "{", "{}", " {}", "\xef\xbb\xbf{}", "[1]", "<html>", "\"x\"",
                                 "Hello", "xyz", "x", "\x1f", "null", "\r\n"}) {
    CAPTURE(body);
    const Uncoded uncoded = undo_content_codings(body, kLimit);
    CHECK_FALSE(uncoded.text);
    CHECK(uncoded.ended);
    CHECK(uncoded.flaw.empty());
  }
}

TEST_CASE("gzip and deflate are undone, also in one another and in members") {
  const std::string coded =
      GENERATE(gzip(kJson), zlib(kJson), bare_deflate(kJson), gzip(gzip(kJson)), zlib(gzip(kJson)),
               gzip(gzip(gzip(kJson))), gzip(kJson.substr(0, 9)) + gzip(kJson.substr(9)));
  const Uncoded uncoded = undo_content_codings(coded, kLimit);
  CHECK(uncoded.text == kJson);
  CHECK(uncoded.ended);
  CHECK(uncoded.flaw.empty());
}

TEST_CASE("of compressed bytes that end too early what is there is undone") {
  const std::string text = kJson + std::string(9999, ' ') + kJson;
  const std::string coded = GENERATE_COPY(gzip(text), zlib(text), bare_deflate(text));
  for (std::size_t size = 2; size < coded.size(); ++size) {
    const Uncoded uncoded = undo_content_codings(coded.substr(0, size), kLimit);
    if (uncoded.text) {
      CHECK(text.starts_with(*uncoded.text));
      CHECK_FALSE(uncoded.ended);
    }
    CHECK(uncoded.flaw.empty());
  }
}

TEST_CASE("bytes that were changed on the way are a flaw") {
  std::string coded = gzip(kJson);
  coded[coded.size() - 6] = static_cast<char>(coded[coded.size() - 6] ^ 1);  // of the checksum
  const Uncoded uncoded = undo_content_codings(coded, kLimit);
  CHECK(uncoded.text == kJson);
  CHECK_FALSE(uncoded.flaw.empty());
}

TEST_CASE("what follows behind the compressed bytes is not lost") {
  CHECK(undo_content_codings(gzip(kJson) + "rest", kLimit).text == kJson + "rest");
}

TEST_CASE("no more comes out than the limit, however little went in") {
  std::string bomb(std::size_t{8} << 20, ' ');
  const int layers = GENERATE(1, 2, 3);
  for (int i = 0; i < layers; ++i) {
    bomb = gzip(bomb);
  }
  const Uncoded uncoded = undo_content_codings(bomb, kLimit);
  CHECK(uncoded.text.value().size() == kLimit);
  CHECK(uncoded.flaw == "it is longer than 1 MiB without its compression");
}

TEST_CASE("codings nest to a bound") {
  const Uncoded uncoded = undo_content_codings(gzip(gzip(gzip(gzip(kJson)))), kLimit);
  CHECK(uncoded.text == gzip(kJson));
  CHECK(uncoded.flaw == "it is compressed more than 3 times");
}
