#include "base/secrets.h"

#include <fmt/format.h>

#include <string>

#include "support/catch.h"

using namespace ohip;

namespace {

const std::string kSecret = "Win/ter#26 \"x\\y";

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a secret is hidden in whatever spelling another one repeats it") {
  keep_secret(kSecret);
  CHECK(masked("as it is: " + kSecret + "!") == "as it is: ***!");
  const std::string spelled =
      GENERATE("Win%2Fter%2326%20%22x%5Cy", "Win%2fter%2326+%22x%5cy", "Win/ter%2326%20%22x%5Cy",
               "%57%69%6e%2F%74%65%72%23%32%36%20%22%78%5C%79",
               "Win%252Fter%252326%2520%2522x%255Cy", "Win%25252Fter#26 \"x\\y",
               R"(Win\/ter#26 \"x\\y)", R"(\u0057in\u002Fter\u002326\u0020\u0022x\u005cy)");
  CHECK(masked(fmt::format("({})", spelled)) == "(***)");
}

TEST_CASE("a secret of escaping characters is hidden as it is and escaped") {
  keep_secret(R"(\\%25%%)");
  CHECK(masked(R"(\\%25%%)") == "***");
  CHECK(masked(R"(\\\\%25%%)") == "***");
  CHECK(masked("%5C%5C%2525%25%25") == "***");
}

TEST_CASE("a secret is hidden in a base64 text, wherever in it it stands") {
  keep_secret("s3cret-of-ours?>");
  // id:s3cret-of-ours?>, and with one and two letters more in front; the last one for URLs.
  for (const char* text : {"aWQ6czNjcmV0LW9mLW91cnM/Pg==", "YWlkOnMzY3JldC1vZi1vdXJzPz4=",
                           "YWFpZDpzM2NyZXQtb2Ytb3Vycz8+", "YWFpZDpzM2NyZXQtb2Ytb3Vycz8-"}) {
    const std::string shown = masked(fmt::format("Basic {} was refused", text));
    INFO(shown);
    CHECK(contains(shown, "***"));
    CHECK(shown.size() < 35);
    CHECK(shown.substr(shown.size() - 11) == "was refused");
  }
}

TEST_CASE("a secret's beginning is hidden when it gives much of it away") {
  keep_secret("eyJhbGciOiJSUzI1NiJ9.payload.signature");
  CHECK(masked("Bearer eyJhbGciOiJSUzI1NiJ9.payl") == "Bearer ***");
  CHECK(masked("Bearer eyJhbGciOiJSUzI1NiJ9.payload.other") == "Bearer ***other");
  CHECK(masked("eyJhbG is short") == "eyJhbG is short");
}

TEST_CASE("a short secret is hidden as a word, and an empty one is none") {
  keep_secret("");
  keep_secret("pw");
  CHECK(masked("user:pw@host") == "user:***@host");
  CHECK(masked("pwd of pw") == "pwd of ***");
}

TEST_CASE("what others say is one line without a byte that a terminal obeys") {
  CHECK(masked("a\r\n\tb  c \v") == "a b c");
  CHECK(masked("<0>\x1b[2J\x07\x7f") == R"(<0>\x1b[2J\x07\x7f)");
  CHECK(masked(std::string("nul\0!", 5)) == R"(nul\x00!)");
  CHECK(masked("Zürich 東京 😀") == "Zürich 東京 😀");
  CHECK(masked("\xc2\x9b"
               "1m \xe2\x80\xae \xef\xbb\xbf \xe2\x80\xa8") ==
        R"(\u{9b}1m \u{202e} \u{feff} \u{2028})");
}

TEST_CASE("what is not UTF-8 is escaped byte by byte") {
  CHECK(masked("\xff\xfe") == R"(\xff\xfe)");
  CHECK(masked("caf\xe9!") == R"(caf\xe9!)");
  CHECK(masked("\xc0\xaf") == R"(\xc0\xaf)");                  // overlong
  CHECK(masked("\xed\xa0\x80") == R"(\xed\xa0\x80)");          // a surrogate
  CHECK(masked("\xf4\x90\x80\x80") == R"(\xf4\x90\x80\x80)");  // beyond Unicode
  CHECK(masked("\xe6\x9d") == R"(\xe6\x9d)");                  // cut off
}

TEST_CASE("a long line is cut, and never within a character") {
  CHECK(masked(std::string(301, 'x')) == std::string(297, 'x') + "...");
  CHECK(masked(std::string(300, 'x')) == std::string(300, 'x'));
  CHECK(masked("äöü", 5) == "ä...");
  CHECK(masked("aäöü", 6) == "aä...");
  CHECK(masked("long", 2) == "...");
}

TEST_CASE("a secret is hidden before its line is cut") {
  keep_secret("a-secret-at-the-cut");
  CHECK(masked(std::string(10, '.') + "a-secret-at-the-cut", 16) == std::string(10, '.') + "***");
}
