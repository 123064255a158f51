#include "http/answer.h"

#include "support/catch.h"

using namespace ohip;

namespace {

using namespace std::chrono_literals;

const std::string kOk = "HTTP/1.1 200 OK\r\n";

struct Read {
  HttpResponse response;
  std::string handed_on;
  std::string rest;
  bool done = false;  // before the end
  bool keeps = false;
};

enum class End { kInOrder, kBroken };

// In pieces of that size.
Read read_in(std::size_t piece, const std::string& bytes, End end = End::kInOrder,
             std::size_t max_body = kMaxBody) {
  Read read;
  AnswerReader reader(max_body, [&](std::string_view body) { read.handed_on += body; });
  for (std::size_t i = 0; i < bytes.size(); i += piece) {
    reader.read(std::string_view(bytes).substr(i, piece));
  }
  read.done = reader.done();
  reader.end(end == End::kInOrder, "closed");
  REQUIRE(reader.done());
  read.response = reader.response();
  read.rest = reader.rest();
  read.keeps = reader.keeps_connection();
  return read;
}

// However it is torn, the same comes out.
Read read_all(const std::string& bytes, End end = End::kInOrder, std::size_t max_body = kMaxBody) {
  const Read whole = read_in(bytes.size() + 1, bytes, end, max_body);
  for (const std::size_t piece : {1U, 2U, 3U, 7U, 4096U}) {
    const Read torn = read_in(piece, bytes, end, max_body);
    CHECK(torn.response.transfer == whole.response.transfer);
    CHECK(torn.response.status == whole.response.status);
    CHECK(torn.response.body == whole.response.body);
    CHECK(torn.response.error == whole.response.error);
    CHECK(torn.response.delimited == whole.response.delimited);
    CHECK(torn.handed_on == whole.handed_on);
    CHECK(torn.rest == whole.rest);
    CHECK(torn.done == whole.done);
    CHECK(torn.keeps == whole.keeps);
  }
  return whole;
}

}  // namespace

TEST_CASE("whatever the head looks like, the body of a success is read byte for byte") {
  const std::string head = GENERATE(
      as<std::string>{}, kOk + "no colon here\r\nContent-Length: 2\r\n\r\n",
      kOk + "X-Long: " + std::string(120'000, 'x') + "\r\nContent-Length: 2\r\n\r\n",
      kOk + std::string(120'000, 'x') + "\r\nContent-Length: 2\r\n\r\n",
      kOk + "X-Folded: a\r\n b\r\n\tc\r\nContent-Length: 2\r\n\r\n",
      kOk + " folded at once\r\nContent-Length: 2\r\n\r\n", kOk + "Content-Length:\r\n 2\r\n\r\n",
      kOk + "Content-Length : 2\r\n\r\n",
      kOk + std::string("X-Nul: a\0b\r\n\0\r\n", 15) + "Content-Length: 2\r\n\r\n",
      kOk + "X-\xff\xfe: \x80\r\nContent-Length: 2\r\n\r\n",
      kOk + ": \r\nContent-Length: 2\r\n\r\n", "HTTP/1.1 200 OK\nContent-Length: 2\n\n",
      "HTTP/1.1 200 OK\r\r\nContent-Length: 2\r\r\n\r\r\n",
      kOk + "X-A: b\r\n \t\r\nContent-Length: 2\r\n\r\n",
      kOk + "Server: a\r\nServer: b\r\nContent-Length: 2\r\n\r\n",
      kOk + "Content-Length: 002\r\n\r\n", kOk + "Content-Length:\t2 \r\n\r\n",
      kOk + "Transfer-Encoding:\r\nContent-Length: 2\r\n\r\n",
      "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\n",
      "HTTP/1.1  200   OK\r\nContent-Length: 2\r\n\r\n",
      std::string("HTTP/1.1 200 O\0K\r\nContent-Length: 2\r\n\r\n", 39),
      "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n", "HTTP/2 200\r\nContent-Length: 2\r\n\r\n",
      "http/1.1\t 200\r\ncontent-length:2\r\n\r\n",
      "HTTP/1.1 299 \xff\r\nCONTENT-LENGTH: 2\r\n\r\n",
      "\r\n\n\r\n" + kOk + "Content-Length: 2\r\n\r\n",
      kOk + "Content-Length: 2\r\nContent-Length: 2\r\n\r\n", kOk + "Content-Length: 2, 2\r\n\r\n",
      kOk + "Transfer-Encoding: identity\r\nContent-Length: 2\r\n\r\n",
      "HTTP/1.1 103 Hints\r\nContent-Length: 9\r\n\r\n" + kOk + "Content-Length: 2\r\n\r\n");
  CAPTURE(head.substr(0, 100));
  const Read read = read_all(head + "{}");
  CHECK(read.response.transfer == Transfer::kWhole);
  CHECK(read.response.delimited);
  CHECK(read.done);
  CHECK(read.response.success());
  CHECK(read.response.body == "{}");
  CHECK(read.handed_on == "{}");
}

TEST_CASE("where the head contradicts itself most is kept, and its end proves nothing") {
  const std::string fields =
      GENERATE(as<std::string>{}, "Content-Length: 1\r\nContent-Length: 2\r\n",
               "Content-Length: 2\r\nContent-Length: 1\r\n", "Content-Length: 1, 2\r\n",
               "Content-Length: 1\r\nTransfer-Encoding: gzip\r\n",
               "Transfer-Encoding: chunked, gzip\r\n", "Transfer-Encoding: xchunked\r\n",
               "Transfer-Encoding: chunked;q=1\r\n", "Content-Length: 2;x\r\n",
               "Content-Length: 2 2\r\n", "Content-Length: 2.0\r\n", "Content-Length: 1e0\r\n",
               "Content-Length: 2\r\nContent-Length: 02\r\n", "Content-Length: 0{1\r\n",
               "Content-Length: -1\r\n", "Content-Length: +1\r\n", "Content-Length: 0x1\r\n",
               "Content-Length: 1\r\n 2\r\n", "Content-Length: 1,\r\n", "Content-Length:\r\n",
               "Content-Length: 99999999999999999999999\r\n", "Content-Lengt: 1\r\n", "");
  CAPTURE(fields);
  const std::string body = "{}\r\n{}";
  const Read read = read_all(kOk + fields + "\r\n" + body);
  CHECK_FALSE(read.done);
  CHECK(read.response.transfer == Transfer::kWhole);
  CHECK_FALSE(read.response.delimited);
  CHECK_FALSE(read.keeps);
  CHECK(read.handed_on == body);
  const Read broken = read_all(kOk + fields + "\r\n" + body, End::kBroken);
  CHECK(broken.response.transfer == Transfer::kCutOff);
  CHECK(broken.response.error == "closed");
  CHECK(broken.handed_on == body);
}

TEST_CASE("chunks beside a length are read as chunks, and prove nothing") {
  const std::string length = GENERATE("0", "1", "2", "99", "x");
  const Read read = read_all(kOk + "Content-Length: " + length +
                             "\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n");
  CHECK(read.done);
  CHECK(read.response.transfer == Transfer::kWhole);
  CHECK_FALSE(read.response.delimited);
  CHECK_FALSE(read.keeps);
  CHECK(read.handed_on == "{}");
}

TEST_CASE("chunks come as they may") {
  const std::string version = GENERATE("1.1", "1.0");
  const std::string chunks =
      GENERATE("2\r\n{}\r\n0\r\n\r\n", "1\r\n{\r\n1\r\n}\r\n0\r\n\r\n", "2\n{}\n0\n\n",
               "2;x=y\r\n{}\r\n0;z\r\n\r\n", "2 ; x=\"a;b\"\r\n{}\r\n0\t\r\n\r\n",
               " 002 \r\n{}\r\n000\r\nTrailer: x\r\n y\r\nno colon\r\n\r\n");
  const std::string coding =
      GENERATE("chunked", "gzip, Chunked", "gzip\r\nTransfer-Encoding: chunked",
               "identity, chunked", "\r\n chunked", "chunked\r\nConnection: Keep-Alive");
  const Read read =
      read_all("HTTP/" + version + " 200 OK\r\nTransfer-Encoding: " + coding + "\r\n\r\n" + chunks);
  CHECK(read.done);
  CHECK(read.response.transfer == Transfer::kWhole);
  CHECK(read.response.delimited);
  CHECK(read.keeps == (version == "1.1"));
  CHECK(read.handed_on == "{}");
}

TEST_CASE("from where chunks are broken on, the bytes are kept as they are") {
  const auto [bytes, body] = GENERATE(table<std::string, std::string>(
      {{"{\"a\":1}\r\n{}", "{\"a\":1}\r\n{}"},
       {"{\"a\":1}", "{\"a\":1}"},
       {"2\r\n{}\r\nzz\r\n[]", "{}zz\r\n[]"},
       {"2\r\n{}[]\r\n0\r\n\r\n", "{}[]\r\n0\r\n\r\n"},
       {"2\r\n{}[]", "{}[]"},
       {"-2\r\n{}", "-2\r\n{}"},
       {"0x2\r\n{}", "0x2\r\n{}"},
       {"+2\r\n{}", "+2\r\n{}"},
       {"2_0\r\n{}", "2_0\r\n{}"},
       {"2 2\r\n{}", "2 2\r\n{}"},
       {"\r\n2\r\n{}", "\r\n2\r\n{}"},
       {";x\r\n{}", ";x\r\n{}"},
       {"11111111111111111\r\n{}", "11111111111111111\r\n{}"},
       {std::string(20'000, ' ') + "{}", std::string(20'000, ' ') + "{}"}}));
  CAPTURE(bytes.substr(0, 50));
  const Read read = read_all(kOk + "Transfer-Encoding: chunked\r\n\r\n" + bytes);
  CHECK_FALSE(read.done);
  CHECK(read.response.transfer == Transfer::kCutOff);
  CHECK(read.response.error == "its chunks are broken");
  CHECK(read.handed_on == body);
}

TEST_CASE("a chunk longer than all that comes is cut off, with what came") {
  const std::string size =
      GENERATE("3", "7fffffffffffffff", "8000000000000000", "ffffffffffffffff");
  const Read read = read_all(kOk + "Transfer-Encoding: chunked\r\n\r\n" + size + "\r\n{}");
  CHECK_FALSE(read.done);
  CHECK(read.response.transfer == Transfer::kCutOff);
  CHECK(read.handed_on == "{}");
}

TEST_CASE("a chunk of no bytes is the last one, also where a server writes it too early or twice") {
  const auto [chunks, body] = GENERATE(table<std::string, std::string>(
      {{"1\r\n{\r\n0\r\n\r\n1\r\n}\r\n0\r\n\r\n", "{"}, {"2\r\n{}\r\n0\r\n\r\n0\r\n\r\n", "{}"}}));
  const Read read = read_all(kOk + "Transfer-Encoding: chunked\r\n\r\n" + chunks);
  CHECK(read.done);
  CHECK(read.handed_on == body);
  CHECK(chunks.ends_with(read.rest));
  CHECK_FALSE(read.keeps);
}

TEST_CASE("an answer that breaks off is cut off, at whatever byte") {
  const std::string end = GENERATE("Content-Length: 5\r\n\r\n12345",
                                   "Transfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n0\r\n\r\n");
  const std::string bytes = "HTTP/1.1 103 Hints\r\n\r\n" + kOk + end;
  const std::size_t known = bytes.find("OK\r\n") + 4;
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CAPTURE(size);
    const Read read = read_in(7, bytes.substr(0, size));
    CHECK(read.response.transfer == (size < known ? Transfer::kNoAnswer : Transfer::kCutOff));
    CHECK(read.response.status == (size < known ? 0 : 200));
    CHECK_FALSE(read.response.error.empty());
    CHECK_FALSE(read.response.delimited);
    CHECK_FALSE(read.keeps);
    CHECK(std::string("12345").starts_with(read.handed_on));
  }
  CHECK(read_in(7, bytes).handed_on == "12345");
}

TEST_CASE("a success whose length nobody told needs a body") {
  const Read read = read_all(kOk + "\r\n");
  CHECK(read.response.transfer == Transfer::kCutOff);
  CHECK(read_all("HTTP/1.1 403 No\r\n\r\n").response.transfer == Transfer::kWhole);
}

TEST_CASE("after what answer a connection is kept") {
  const auto [bytes, keeps] = GENERATE(table<std::string, bool>(
      {{kOk + "Content-Length: 2\r\n\r\n{}", true},
       {kOk + "Content-Length: 0\r\n\r\n", true},
       {"HTTP/1.1 204 No Content\r\n\r\n", true},
       {"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", true},
       {"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\n{}", true},
       {"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n", false},
       {"HTTP/1.1 204 No Content\r\nContent-Length: x\r\n\r\n", false},
       {"HTTP/1.1 304 Same\r\nTransfer-Encoding: chunked\r\n\r\n", false},
       {"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", false},
       {kOk + "Connection: close\r\nContent-Length: 2\r\n\r\n{}", false},
       {kOk + "Connection: x, Close\r\nContent-Length: 2\r\n\r\n{}", false},
       {kOk + "Content-Length: 2\r\n\r\n{}x", false},
       {kOk + "Content-Length: 2\r\n\r\n{", false},
       {"HTTP/1.1 204 No Content\r\n\r\n0\r\n\r\n", false}}));
  CAPTURE(bytes);
  CHECK(read_all(bytes).keeps == keeps);
}

TEST_CASE("heads, trailers and interim answers have one bound") {
  const std::string line = "X: " + std::string(1'000, 'x') + "\r\n";
  const auto many = [](const std::string& what, std::size_t bytes) {
    std::string text;
    while (text.size() < bytes) {
      text += what;
    }
    return text;
  };
  SECTION("just below it all is well") {
    CHECK(read_in(4096, kOk + many(line, 1'000'000) + "Content-Length: 2\r\n\r\n{}").handed_on ==
          "{}");
  }
  SECTION("a head") {
    const Read read = read_in(4096, kOk + many(line, 2'000'000) + "\r\n{}");
    CHECK(read.done);
    CHECK(read.response.transfer == Transfer::kCutOff);
    CHECK(read.response.status == 200);
  }
  SECTION("a line without end") {
    CHECK(read_in(4096, kOk + std::string(2'000'000, 'x')).done);
    CHECK(read_in(4096, std::string(2'000'000, 'x')).response.transfer == Transfer::kNoAnswer);
  }
  SECTION("trailers") {
    const Read read = read_in(
        4096, kOk + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n" + many(line, 2'000'000));
    CHECK(read.done);
    CHECK(read.response.transfer == Transfer::kCutOff);
    CHECK(read.handed_on == "{}");
  }
  SECTION("interim answers") {
    const Read read = read_in(4096, many("HTTP/1.1 103 Hints\r\nLink: x\r\n\r\n", 2'000'000));
    CHECK(read.done);
    CHECK(read.response.transfer == Transfer::kNoAnswer);
  }
  SECTION("but not a body in small chunks") {
    const Read read = read_in(4096, kOk + "Transfer-Encoding: chunked\r\n\r\n" +
                                        many("1;x\r\ny\r\n", 2'000'000) + "0\r\n\r\n");
    CHECK(read.response.transfer == Transfer::kWhole);
    CHECK(read.handed_on.size() == 250'000);
  }
}

TEST_CASE("of a body no more is taken than is allowed") {
  CHECK(read_all(kOk + "Content-Length: 5\r\n\r\n12345", End::kInOrder, 5).response.transfer ==
        Transfer::kWhole);
  const std::string too_much =
      GENERATE("Content-Length: 6\r\n\r\n123456", "\r\n123456",
               "Transfer-Encoding: chunked\r\n\r\n3\r\n123\r\n3\r\n456\r\n",
               "Transfer-Encoding: chunked\r\n\r\n{2345\r\n");
  const Read read = read_all(kOk + too_much, End::kInOrder, 5);
  CHECK(read.done);
  CHECK(read.response.transfer == Transfer::kTooLarge);
  CHECK(read.handed_on.substr(1) == "2345");
  CHECK_FALSE(read.keeps);
}

TEST_CASE("what is no status line is no answer, and kept as it came where each byte counts") {
  const std::string line =
      GENERATE("<html>", "SSH-2.0-OpenSSH_9.2", "HTTP", "HTTP/", "HTTP/1.1", "HTTP/1.1 ",
               "HTTP/1.1 2", "HTTP/1.1 20x", "HTTP/1.1 2000", "HTTP/1.1 -20", "HTTP/1.1 099",
               "HTTP/1.1200 OK", "ICY 200 OK", " HTTP/1.1 200 OK", "HTTQ",
               "0\r\n\r\nHTTP/1.1 200 OK", "{}", "\x16\x03\x01", "\r\r{}");
  const std::string before = GENERATE("", "\r\n", "HTTP/1.1 103 Hints\r\n\r\n");
  const std::string bytes = line + "\r\n\r\n{}";
  CAPTURE(line);
  const Read read = read_all(before + bytes);
  CHECK_FALSE(read.done);
  CHECK(read.response.transfer == Transfer::kNoAnswer);
  CHECK(read.response.status == 0);
  CHECK(read.response.body == bytes);
  CHECK(read.response.error == "the server does not speak HTTP/1.1");
  CHECK(read.handed_on.empty());
  CHECK_FALSE(read.keeps);
  AnswerReader reader;
  reader.read(before + bytes);
  CHECK(reader.done());
  CHECK(reader.response().body.empty());
}

TEST_CASE("what comes instead of an answer has the bound of one, and needs no line's end") {
  const std::string bytes = "{" + std::string(2'000'000, 'x');
  CHECK((read_in(4096, bytes).response.body == bytes));
  const Read read = read_in(4096, bytes, End::kInOrder, 1'500'000);
  CHECK(read.done);
  CHECK(read.response.transfer == Transfer::kNoAnswer);
  CHECK((read.response.body == bytes.substr(0, 1'500'000)));
}

TEST_CASE("a field's values are found in whatever case, also folded, and none of another head's") {
  AnswerReader reader;
  reader.read(
      "HTTP/1.1 103 Hints\r\nRetry-After: 1\r\nX-A: old\r\n\r\n"
      "HTTP/1.1 429 Slow  Down \r\nx-a:  1 \r\nX-B: 2\r\n\t folded\r\nX-A: 3,Four\r\n"
      "Retry-After: 7\r\nLocation: /x\r\nContent-Type: a/b; c\r\nContent-Length: 0\r\n\r\n");
  REQUIRE(reader.done());
  CHECK(reader.values("x-a") == std::vector<std::string>{"1", "3,Four"});
  CHECK(reader.elements("x-a") == std::vector<std::string>{"1", "3", "four"});
  CHECK(reader.values("x-b") == std::vector<std::string>{"2 folded"});
  CHECK(reader.values("x-c").empty());
  CHECK(reader.response().status == 429);
  CHECK(reader.response().reason == "Slow  Down");
  CHECK(reader.response().retry_after == 7s);
  CHECK(reader.response().location == "/x");
  CHECK(reader.response().content_type == "a/b; c");
}
