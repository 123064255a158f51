#include "config/parse.h"

#include "config/url.h"
#include "support/catch.h"
#include "support/configuration.h"

namespace ohip {
namespace {

using namespace std::chrono_literals;
using Texts = std::vector<std::string>;

// Why a text is refused; a line that a person can read.
template <typename Parser>
std::string refusal(Parser parser, const std::string& text) {
  const Error error = error_of([&] { parser(text); });
  CHECK(error.status() == ExitStatus::kConfig);
  std::string why = error.what();
  CHECK(why.size() < 200);
  CHECK(why.find_first_of("\r\n") == std::string::npos);
  return why;
}

}  // namespace

TEST_CASE("durations have a unit or are seconds") {
  CHECK(parse_duration("50s") == 50s);
  CHECK(parse_duration("50") == 50s);
  CHECK(parse_duration("2m") == 2min);
  CHECK(parse_duration("1h") == 1h);
  CHECK(parse_duration("500ms") == 500ms);
  CHECK(parse_duration("24h") == 24h);
}

TEST_CASE("nonsense, nothing and more than a day are no durations") {
  for (const char* text : {"", "s", "fast", "5 s", "1.5s", "0x10", "5d", "1m30s"}) {
    CHECK(contains(refusal(parse_duration, text), "not a duration"));
  }
  for (const char* text : {"0", "0ms", "-5s", "25h", "86401", "9000000000000000000h"}) {
    CHECK(contains(refusal(parse_duration, text), "out of range"));
  }
  CHECK(contains(refusal(parse_duration, "99999999999999999999"), "not a duration"));
}

TEST_CASE("an interval is one duration or two, the shorter one first") {
  const auto both = [](const Interval& i) { return std::pair(i.shortest, i.longest); };
  using Both = std::pair<Milliseconds, Milliseconds>;
  CHECK(both(parse_interval("5s")) == Both(5s, 5s));
  CHECK(both(parse_interval("5s..60s")) == Both(5s, 60s));
  CHECK(both(parse_interval("5..1m")) == Both(5s, 60s));
  CHECK(both(parse_interval("1ms..24h")) == Both(1ms, 24h));
  CHECK(both(parse_interval("5s..5s")) == Both(5s, 5s));
  CHECK(parse_interval("5s..60s").adapts());
  CHECK_FALSE(parse_interval("5s..5000ms").adapts());
}

TEST_CASE("half an interval, one back to front, and nonsense are refused") {
  for (const char* text : {"5s..", "..60s", ".."}) {
    CHECK(contains(refusal(parse_interval, text), "lacks one of its two durations"));
  }
  CHECK(contains(refusal(parse_interval, "60s..5s"), "longer duration first"));
  for (const char* text : {"0s..60s", "0s..", "5s..25h", "-5s..60s"}) {
    CHECK_FALSE(refusal(parse_interval, text).empty());
  }
  for (const char* text : {"", "5s...60s", "5s..60s..90s", "5s .. 60s", "5s-60s", "5s..x",
                           "5.5s..60s", "5s..99999999999999999999s"}) {
    CHECK(contains(refusal(parse_interval, text), "not a duration"));
  }
}

TEST_CASE("the limit is 1 to 20") {
  CHECK(parse_limit("1") == 1);
  CHECK(parse_limit("20") == 20);
  for (const char* text : {"0", "21", "-1", "", "many", "5x", "99999999999999999999"}) {
    CHECK(contains(refusal(parse_limit, text), "1 to 20"));
  }
}

TEST_CASE("switches and choices are spelt out") {
  CHECK(parse_bool("true"));
  CHECK_FALSE(parse_bool("false"));
  CHECK(contains(refusal(parse_bool, "yes"), "true nor false"));
  CHECK(parse_scope("chain") == QueueScope::kChain);
  CHECK(parse_scope("hotel") == QueueScope::kHotel);
  CHECK(contains(refusal(parse_scope, "Chain"), "\"Chain\" is neither hotel nor chain"));
}

TEST_CASE("a gateway's URL is put in order") {
  CHECK(parse_gateway_url("https://Host.Example.COM").url == "https://host.example.com");
  CHECK(parse_gateway_url("https://Host.Example.COM").host == "host.example.com");
  CHECK(parse_gateway_url("https://h/").url == "https://h");
  CHECK(parse_gateway_url("https://h:8443//a///b//").url == "https://h:8443/a/b");
  CHECK(parse_gateway_url("https://h:8443//a").host == "h");
  for (const auto& [url, name] : {std::pair("https://H.example:443/", "h.example"),
                                  {"https://h:8443", "h:8443"},
                                  {"https://h/prod/", "h/prod"},
                                  {"http://127.0.0.1:80", "http://127.0.0.1"},
                                  {"http://localhost:8080/x", "http://localhost:8080/x"}}) {
    CHECK(parse_gateway_url(url).name == name);
  }
  CHECK(parse_gateway_url("https://h:443").url == "https://h");
  CHECK(parse_url("https://H:443//ping/uuid/") == "https://h/ping/uuid");
}

TEST_CASE("plain http is for this machine only") {
  CHECK(parse_gateway_url("http://localhost:8080/").url == "http://localhost:8080");
  CHECK(parse_gateway_url("http://127.1.2.3:1").url == "http://127.1.2.3:1");
  CHECK(parse_gateway_url("http://[::1]:8080").url == "http://[::1]:8080");
  for (const char* url : {"http://gateway.example.com", "http://127.evil.example.com",
                          "http://128.0.0.1", "http://localhost.example.com", "http://[::2]"}) {
    CHECK(contains(refusal(parse_gateway_url, url), "must be https://"));
  }
}

TEST_CASE("what is no URL of a gateway is refused, and no password in it repeated") {
  CHECK(contains(refusal(parse_gateway_url, "gateway.example.com"), "https://"));
  CHECK(contains(refusal(parse_gateway_url, "ftp://h"), "must be https://"));
  CHECK(contains(refusal(parse_gateway_url, "file:///etc/passwd"), "URL"));
  for (const char* text : {"", "https://", "https://a b", "https://h:99999", "https://h\r\nX: y"}) {
    CHECK(contains(refusal(parse_gateway_url, text), "not a URL"));
  }
  for (const char* text : {"https://user:hunter2@h", "https://h/?hunter2", "https://h/#hunter2"}) {
    const std::string why = refusal(parse_gateway_url, text);
    CHECK(contains(why, "user info, a query or a fragment"));
    CHECK_FALSE(contains(why, "hunter2"));
  }
}

TEST_CASE("codes that hotels have are taken as they are") {
  for (const char* code : {"ABC", "SAND01", "A B", "A_B.C-1", "%#$&+", "..A", "a"}) {
    CHECK(parse_code(code) == code);
  }
  CHECK(parse_code(std::string(40, 'A')).size() == 40);
}

TEST_CASE("a code that could leave a path or a header is refused with a readable line") {
  CHECK(contains(refusal(parse_code, "../ABC"), "\"../ABC\" holds a character"));
  CHECK(contains(refusal(parse_code, "A/B"), "\"A/B\" holds a character"));
  CHECK(contains(refusal(parse_code, ".."), "\"..\" is only dots"));
  CHECK(contains(refusal(parse_code, "."), "only dots"));
  CHECK(contains(refusal(parse_code, "A\r\nX-Evil: 1"), R"("A\r\nX-Evil: 1" holds a character)"));
  CHECK(contains(refusal(parse_code, std::string("A\0B", 3)), R"("A\x00B")"));
  CHECK(contains(refusal(parse_code, "Z\xC3\xBCrich"), "character"));
  CHECK(contains(refusal(parse_code, "\xFF\xFE"), R"("\xff\xfe")"));
  CHECK(contains(refusal(parse_code, std::string(2000, 'A')), "(2000 characters)"));
  CHECK(contains(refusal(parse_code, std::string(41, 'A')), "1 to 40 characters"));
  CHECK(contains(refusal(parse_code, ""), "1 to 40 characters"));
}

TEST_CASE("hotels are separated by commas or lines, each counts once, in order") {
  CHECK(parse_hotels("B, A,B,,C ,") == Texts{"B", "A", "C"});
  CHECK(parse_hotels("# ours\nA,B\n\n  C  # the new one\n#D\nA#1, E F\n") ==
        Texts{"A", "B", "C", "A#1", "E F"});
}

TEST_CASE("a list without a hotel, or with a wrong one, is refused") {
  CHECK(contains(refusal(parse_hotels, "# none yet\n"), "no hotel code"));
  CHECK(contains(refusal(parse_hotels, " , "), "no hotel code"));
  CHECK(contains(refusal(parse_hotels, "A,B/C"), "\"B/C\""));
  CHECK(contains(refusal(parse_hotels, "A\r\nB"), R"("A\r")"));
}

TEST_CASE("an app key is a UUID and is never repeated") {
  CHECK(parse_uuid("01234567-89ab-4cde-8F01-23456789ABCD").size() == 36);
  for (const char* text :
       {"", "hunter2", "0123456789ab4cde8f0123456789abcd", "g1234567-89ab-4cde-8f01-23456789abcd",
        "01234567-89ab-4cde-8f01-23456789abcd ", "01234567-89ab-4cde-8f01-23456789abcde"}) {
    const std::string why = refusal(parse_uuid, text);
    CHECK(contains(why, "not a UUID"));
    CHECK((*text == '\0' || !contains(why, text)));
  }
}

TEST_CASE("a credential is one line, and is not repeated when it is not") {
  CHECK(parse_line("p\xC3\xA4ss;>[{( wörd/@") == "p\xC3\xA4ss;>[{( wörd/@");
  for (const char* text : {"hunter2\n", "hun\rter2", "hunter2\x7F", "\thunter2"}) {
    const std::string why = refusal(parse_line, text);
    CHECK(contains(why, "control character"));
    CHECK_FALSE(contains(why, "hun"));
  }
}

TEST_CASE("a topic follows Kafka's rules beside its placeholders") {
  for (const char* text : {"ohip.business-events", "a", "{module}", "x.{hotel}.{module}_Y"}) {
    CHECK(parse_topic(text) == text);
  }
  CHECK(parse_topic(std::string(249, 'a')).size() == 249);
  for (const std::string& text : Texts{"", "a b", "a/b", "{chain}", "{hotel", "a}", ".", "..",
                                       "\xC3\xBC", "a\n", std::string(250, 'a')}) {
    CHECK(contains(refusal(parse_topic, text), "is not a topic"));
  }
}

}  // namespace ohip
