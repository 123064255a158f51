#include "stream/position_text.h"

#include "base/error.h"
#include "support/catch.h"

namespace ohip {
namespace {

const TimePoint kNoon = *parse_basic_utc("20261125T120000.123456Z");

Position position() {
  return {.offset = "00193",
          .unique_event_id = "a \"quoted\" id \\ \xc3\xa4",
          .received = kNoon,
          .quiet = kNoon + std::chrono::seconds(1),
          .since = kNoon - std::chrono::hours(24),
          .ended = "complete",
          .not_before = kNoon + std::chrono::seconds(10)};
}

}  // namespace

TEST_CASE("a position comes back as it was written") {
  PositionText text;
  CHECK_FALSE(text.read(std::nullopt));
  for (const Position& written : {position(), Position{}}) {
    const GroupOffset committed = text.write(written);
    CHECK(committed.number >= 0);
    CHECK(text.read(committed) == written);
  }
}

TEST_CASE("OHIP's offset is the committed number where it fits, for who keeps no metadata") {
  PositionText text;
  const auto number = [&](const std::string& offset) {
    Position position;
    position.offset = offset;
    const GroupOffset committed = text.write(position);
    CHECK(text.read(committed)->offset == offset);
    return committed.number;
  };
  CHECK(number("193") == 193);
  CHECK(number("999999999999999999") == 999'999'999'999'999'999);
  CHECK(number("1000000000000000000") == 0);
  CHECK(number("99999999999999999999") == 0);
  CHECK(number("0193") == 0);  // it would come back as another
  CHECK(number("0") == 0);
  CHECK(number("") == 0);
  CHECK(text.read(GroupOffset{193, ""})->offset == "193");
  CHECK(text.read(GroupOffset{193, ""})->ended.empty());
  CHECK(text.read(GroupOffset{0, ""})->offset == "0");  // everything again, rather than a gap
}

TEST_CASE("what another version has added is kept") {
  PositionText text;
  const GroupOffset newer{
      7, R"({"v":2,"offset":"7","id":"i","shard":{"a":[1,2.50,null]},"note":"\u00e4 \"x\""})"};
  const Position read = *text.read(newer);
  CHECK(read.offset == "7");
  CHECK(read.unique_event_id == "i");
  const GroupOffset written = text.write(read);
  CHECK(written.metadata.find(R"("shard":{"a":[1,2.5,null]})") != std::string::npos);
  CHECK(written.metadata.find("\"note\":\"\xc3\xa4 \\\"x\\\"\"") != std::string::npos);
  CHECK(text.read(written) == read);
  CHECK(text.read(GroupOffset{7, R"({"v":1,"offset":"7"})"})->unique_event_id.empty());
}

TEST_CASE("what is no position is an error, never none") {
  for (const char* metadata :
       {"batch 7", "{}", "[]", "{\"v\":1", R"({"v":1,"offset":7})", R"({"offset":"7"})", "\xff"}) {
    INFO(metadata);
    PositionText text;
    try {
      text.read(GroupOffset{7, metadata});
      FAIL("taken for a position");
    } catch (const Error& error) {
      CHECK(error.status() == ExitStatus::kConfig);
      CHECK(error.hint().find("--from") != std::string::npos);
    }
  }
}

TEST_CASE("a position never becomes longer than Kafka takes") {
  PositionText text;
  Position long_id = position();
  long_id.unique_event_id = std::string(100'000, 'i');
  const GroupOffset committed = text.write(long_id);
  CHECK(committed.metadata.size() <= kMaxOffsetMetadata);
  CHECK(text.read(committed)->offset == "00193");
  CHECK(text.read(committed)->unique_event_id.empty());  // the offset alone is compared then
  const std::string added(4'000, 'x');
  const Position read =
      *text.read(GroupOffset{7, R"({"v":2,"offset":"7","added":")" + added + "\"}"});
  CHECK(text.write(read).metadata.find(added) != std::string::npos);
  CHECK(text.write(position()).metadata.size() <= kMaxOffsetMetadata);
  CHECK(text.read(text.write(position())) == position());
}

}  // namespace ohip
