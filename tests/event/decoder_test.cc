#include "event/decoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "support/catch.h"
#include "support/coded.h"

using namespace ohip;
using namespace ohip::test;

namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

const Origin kOrigin = {"gw.example.com", "KAFKA", "ohip.business-events"};

// The batch stays: the records' mappings are parts of it.
Decoded decode_body(std::string_view body, const Origin& origin = kOrigin) {
  static std::deque<Batch> batches;
  Batch& batch = batches.emplace_back();
  batch.request_id = "0f8fad5b-d9cb-469f-a165-70867728950e";
  batch.received = TimePoint(std::chrono::microseconds(1'795'460'825'000'042));
  batch.body = body;
  return decode(batch, origin);
}

std::string answer(std::string_view events) {
  return fmt::format(R"({{"businessEventData":[{}]}})", events);
}

// The one record that an answer with this event gives.
Record record_of(std::string_view event, const Origin& origin = kOrigin) {
  const Decoded decoded = decode_body(answer(event), origin);
  CHECK(decoded.damage.empty());
  REQUIRE(decoded.rejects.empty());
  REQUIRE(decoded.records.size() == 1);
  return decoded.records.front();
}

std::string header(const Record& record, std::string_view name) {
  for (const auto& [header, value] : record.headers) {
    if (header == name) {
      return value;
    }
  }
  return "(absent)";
}

std::string event_with(std::string_view header, std::string_view id = R"("1")") {
  return fmt::format(R"({{"businessEvent":{{"header":{}}},"businessEventId":{{"id":{}}}}})", header,
                     id);
}

std::string plain_event(int number) {
  return fmt::format(
      R"({{"businessEvent":{{"header":{{"moduleName":"Reservation","actionType":"UPDATE RESERVATION",)"
      R"("actionId":{0},"primaryKey":"{0}","createdDateTime":"2026-11-23 19:07:05.0",)"
      R"("hotelId":"ABC"}},"details":[{{"dataElement":"NAME","oldValue":"M\u00fcller \"x\" }}]",)"
      R"("newValue":"Møller"}},{{"dataElement":"NIGHTS","newValue":{0}.50e+1}}]}},)"
      R"("businessEventId":{{"id":"{0}"}}}})",
      number);
}

std::vector<std::string> plain_events(int count) {
  std::vector<std::string> events;
  events.reserve(static_cast<std::size_t>(count));
  for (int number = 1; number <= count; ++number) {
    events.push_back(plain_event(number));
  }
  return events;
}

std::vector<std::string> bytes_of(const std::vector<Record>& records) {
  std::vector<std::string> bytes(records.size());
  std::transform(records.begin(), records.end(), bytes.begin(),
                 [](const Record& record) { return record.value; });
  return bytes;
}

std::string repeat(std::string_view text, std::size_t count) {
  std::string result;
  result.reserve(text.size() * count);
  for (std::size_t i = 0; i < count; ++i) {
    result += text;
  }
  return result;
}

void check_nothing(std::string_view body) {
  INFO(body);
  const Decoded decoded = decode_body(body);
  CHECK(decoded.records.empty());
  CHECK(decoded.rejects.empty());
  CHECK(decoded.damage.empty());
  CHECK_FALSE(decoded.cut_off);
}

// Random JSON values, with much that a scanner of its own could stumble over.
class Generator {
 public:
  explicit Generator(unsigned seed) : random_(seed) {}

  std::string event() {
    return fmt::format(R"({{{}"businessEvent"{}:{{"header":{},"details":[{}]}},)"
                       R"("businessEventId":{{"id":"{}"}}{}}})",
                       space(), space(), value(2), value(3), pick(1'000'000), space());
  }
  std::string space() {
    static const std::vector<std::string> kSpaces = {"", "", " ", "\n\t", "\r\n  "};
    return kSpaces[pick(kSpaces.size())];
  }
  std::size_t pick(std::size_t count) { return random_() % count; }

 private:
  std::string value(int depth) {
    switch (pick(depth > 0 ? 6 : 4)) {
      case 0:
        return string();
      case 1:
        return "-1.5e+3";
      case 2:
        return "null";
      case 3:
        return "true";
      case 4:
        return list('[', ']', [&] { return value(depth - 1); });
      default:
        return list('{', '}', [&] { return string() + space() + ":" + value(depth - 1); });
    }
  }
  template <typename Element>
  std::string list(char open, char close, Element element) {
    std::string text(1, open);
    for (std::size_t i = 0, count = pick(4); i < count; ++i) {
      text += (i == 0 ? "" : ",") + space() + element() + space();
    }
    return text + close;
  }
  std::string string() {
    static const std::vector<std::string> kPieces = {"a",
                                                     "Smith",
                                                     "}",
                                                     "]",
                                                     "{",
                                                     ",",
                                                     ":",
                                                     R"(\")",
                                                     R"(\\)",
                                                     R"(\/)",
                                                     "\x7f",
                                                     "é",
                                                     "日本",
                                                     "🛎",
                                                     R"(\u0000)",
                                                     R"(\ud83d\udece)",
                                                     "businessEventData"};
    std::string text = "\"";
    for (std::size_t i = 0, count = pick(5); i < count; ++i) {
      text += kPieces[pick(kPieces.size())];
    }
    return text + "\"";
  }

  std::mt19937 random_;
};

}  // namespace

TEST_CASE("an event becomes a record with its key, its bytes and the CloudEvents headers") {
  const std::string event =
      R"({"businessEvent":{"header":{"moduleName":"Profile","actionType":"NEW PROFILE",)"
      R"("actionId":561141,"primaryKey":"1280812","createdDateTime":"2021-07-08 10:50:04.0",)"
      R"("hotelId":"HOTEL1"},"details":[]},"businessEventId":{"id":"1971133"}})";
  const Record record = record_of(event);
  CHECK(record.topic == "ohip.business-events");
  CHECK(record.key == "HOTEL1/profile/1280812");
  CHECK(record.value == event);
  CHECK(record.payload() == event);
  CHECK(record.timestamp == TimePoint(std::chrono::microseconds(1'795'460'825'000'042)));
  CHECK(record.headers == Pairs{{"content-type", "application/json"},
                                {"ce_specversion", "1.0"},
                                {"ce_id", "1971133"},
                                {"ce_source", "//gw.example.com/externalSystem/KAFKA"},
                                {"ce_type", "com.oracle.opera.profile.new-profile"},
                                {"ce_subject", "1280812"},
                                {"ce_time", "2026-11-23T19:07:05.000042Z"},
                                {"ce_createddatetime", "2021-07-08 10:50:04.0"},
                                {"ce_hotelid", "HOTEL1"},
                                {"ce_requestid", "0f8fad5b-d9cb-469f-a165-70867728950e"},
                                {"ce_dataschema", "urn:ohip-poll:business-event:1"}});
}

TEST_CASE("an event with an id alone is a record, and what is absent is left out or unknown") {
  const auto event = GENERATE(
      as<std::string>(), R"({"businessEventId":{"id":"7"}})", event_with("null", R"("7")"),
      event_with("{}", R"("7")"), event_with(R"({"moduleName":null,"hotelId":""})", R"("7")"),
      event_with(R"({"moduleName":["A"],"actionType":{"a":"B"},"hotelId":[{"hotelId":"C"}]})",
                 R"("7")"),
      R"({"businessEvent":[{"header":{"hotelId":"A"}}],"businessEventId":{"id":"7"}})");
  const Record record =
      record_of(event, {"gw.example.com", "KAFKA", "events.{module}.{hotel}.{module}"});
  CHECK(record.topic == "events.unknown.unknown.unknown");
  CHECK(record.key == "//");
  CHECK(record.headers == Pairs{{"content-type", "application/json"},
                                {"ce_specversion", "1.0"},
                                {"ce_id", "7"},
                                {"ce_source", "//gw.example.com/externalSystem/KAFKA"},
                                {"ce_type", "com.oracle.opera.unknown.unknown"},
                                {"ce_time", "2026-11-23T19:07:05.000042Z"},
                                {"ce_requestid", "0f8fad5b-d9cb-469f-a165-70867728950e"},
                                {"ce_dataschema", "urn:ohip-poll:business-event:1"}});
}

TEST_CASE("a number counts as its text") {
  const Record record = record_of(
      event_with(R"({"moduleName":14,"actionType":-0.50,"primaryKey":42212 ,"hotelId":1e3})",
                 "12345678901234567890123"));
  CHECK(record.key == "1e3/14/42212");
  CHECK(header(record, "ce_type") == "com.oracle.opera.14.-0-50");
  CHECK(header(record, "ce_id") == "12345678901234567890123");
}

TEST_CASE("an id may be 80 characters long") {
  const std::string id(80, 'x');
  CHECK(header(record_of(event_with("{}", '"' + id + '"')), "ce_id") == id);
}

TEST_CASE("headers and keys hold what JSON strings mean, in UTF-8") {
  const Record record = record_of(event_with(
      R"({"primaryKey":"M\u00fcller \"\ud83d\udece\"\n","hotelId":"日本","moduleName":"a\/b"})",
      R"("\u0031\u0000")"));
  CHECK(header(record, "ce_subject") == "Müller \"🛎\"\n");
  CHECK(header(record, "ce_id") == std::string("1\0", 2));
  CHECK(record.key == "日本/a-b/Müller \"🛎\"\n");
}

TEST_CASE("half of a surrogate pair, which UTF-8 cannot hold, stays escaped in headers") {
  const Record record = record_of(event_with(R"({"primaryKey":"\udc00\n"})"));
  CHECK(header(record, "ce_subject") == R"(\udc00\n)");
}

TEST_CASE("a member's first letter may have either case") {
  const Record record =
      record_of(R"({"BusinessEvent":{"Header":{"ModuleName":"M","ActionType":"A","PrimaryKey":"P",)"
                R"("CreatedDateTime":"C","HotelId":"H"}},"BusinessEventId":{"Id":"I"}})");
  CHECK(record.key == "H/m/P");
  CHECK(header(record, "ce_id") == "I");
  CHECK(header(record, "ce_type") == "com.oracle.opera.m.a");
  CHECK(header(record, "ce_createddatetime") == "C");
  CHECK(decode_body(R"({"BusinessEventData":[{"businessEventId":{"id":"1"}}]})").records.size() ==
        1);
}

TEST_CASE("members count only where they belong") {
  const Record record = record_of(
      R"({"id":"0","hotelId":"X","x":{"header":{"hotelId":"X"},"id":"0"},"header":{"hotelId":"X"},)"
      R"("businessEvent":{"hotelId":"X","header":{"HOTELID":"X","hotelId":"H","x":{"hotelId":"X"},)"
      R"("y":[{"hotelId":"X"},"X"]},"details":[{"hotelId":"X","header":{"hotelId":"X"}}],)"
      R"("businessEventId":{"id":"0"}},"businessEventId":{"id":"1","x":{"id":"0"},"y":["0"]},)"
      R"("z":{"businessEvent":{"header":{"hotelId":"X"}},"businessEventId":{"id":"0"}}})");
  CHECK(record.key == "H//");
  CHECK(header(record, "ce_id") == "1");
}

TEST_CASE("of two members of one name the last counts") {
  SECTION("texts") {
    CHECK(record_of(event_with(R"({"hotelId":"A","hotelId":"B"})")).key == "B//");
    CHECK(record_of(event_with(R"({"hotelId":"A","HotelId":null})")).key == "//");
  }
  SECTION("objects, as a whole") {
    const Record record = record_of(
        R"({"businessEvent":{"header":{"hotelId":"A","moduleName":"M"},"header":{"hotelId":"B"}},)"
        R"("businessEventId":{"id":"1"},"businessEventId":{"id":"2"}})");
    CHECK(record.key == "B//");
    CHECK(header(record, "ce_id") == "2");
  }
  SECTION("even when it has no id") {
    const Decoded decoded =
        decode_body(answer(R"({"businessEventId":{"id":"1"},"businessEventId":{}})"));
    CHECK(decoded.records.empty());
    CHECK(decoded.rejects.size() == 1);
  }
  SECTION("but the events of both count") {
    const Decoded decoded =
        decode_body(fmt::format(R"({{"businessEventData":[{}],"businessEventData":[{}]}})",
                                plain_event(1), plain_event(2)));
    CHECK(bytes_of(decoded.records) == plain_events(2));
    CHECK(decoded.damage.empty());
  }
}

TEST_CASE("one event may stand without an array around it") {
  const Decoded decoded = decode_body(fmt::format(R"({{"businessEventData":{}}})", plain_event(1)));
  CHECK(bytes_of(decoded.records) == plain_events(1));
  CHECK(decoded.damage.empty());
}

TEST_CASE("topic, type and source hold only what they can") {
  const Origin origin = {"gw.example.com", "A B/../é~", "o.{module}.{hotel}"};
  const Record record = record_of(
      event_with(
          R"({"moduleName":"Ä Rate_Code","actionType":"X{hotel}","hotelId":"A/b é{module}._-"})"),
      origin);
  CHECK(record.topic == "o.---rate-code.A-b----module-._-");
  CHECK(header(record, "ce_type") == "com.oracle.opera.---rate-code.x-hotel-");
  CHECK(header(record, "ce_source") == "//gw.example.com/externalSystem/A%20B%2F..%2F%C3%A9~");
}

TEST_CASE("data value mappings are spliced into each event as they stand") {
  const std::string mapping =
      R"([ {"dataElement":"A", "operaValue":1.0,"externalValue":"\u00fc"} ])";
  const std::string name = GENERATE("dataValueMapping", "DataValueMapping");
  const std::string events = plain_event(1) + "," + plain_event(2);
  const std::string body = GENERATE_COPY(
      fmt::format(R"({{"businessEventData":[{}], "{}" : {} }})", events, name, mapping),
      fmt::format(R"({{"{}" : {} ,"businessEventData":[{}]}})", name, mapping, events));
  const Decoded decoded = decode_body(body);
  CHECK(decoded.damage.empty());
  REQUIRE(bytes_of(decoded.records) == plain_events(2));
  for (const Record& record : decoded.records) {
    CHECK(record.payload() == record.value.substr(0, record.value.size() - 1) +
                                  ",\"dataValueMapping\":" + mapping + "}");
  }
}

TEST_CASE("empty data value mappings are not spliced in") {
  const auto mapping = GENERATE(as<std::string>(), "null", "[]", "[ \n]", "{}", "{ }");
  const Decoded decoded = decode_body(fmt::format(
      R"({{"businessEventData":[{}],"DataValueMapping":{}}})", plain_event(1), mapping));
  CHECK(decoded.damage.empty());
  REQUIRE(decoded.records.size() == 1);
  CHECK(decoded.records.front().payload() == plain_event(1));
}

TEST_CASE("data value mappings that hold something empty are spliced in") {
  const auto mapping = GENERATE(as<std::string>(), "[{}]", "[[]]", R"({"":{}})", "0", R"("")");
  const Decoded decoded = decode_body(fmt::format(
      R"({{"businessEventData":[{{"businessEventId":{{"id":1}}}}],"dataValueMapping":{}}})",
      mapping));
  REQUIRE(decoded.records.size() == 1);
  CHECK(decoded.records.front().payload() ==
        fmt::format(R"({{"businessEventId":{{"id":1}},"dataValueMapping":{}}})", mapping));
}

TEST_CASE("broken data value mappings are damage, and no event gets them") {
  const auto mapping = GENERATE(as<std::string>(), "[NaN]", "[\"M\xfcller\"]", "NaN");
  const Decoded decoded =
      decode_body(fmt::format(R"({{"dataValueMapping":{},"links":NaN,"businessEventData":[{}]}})",
                              mapping, plain_event(1)));
  CHECK(decoded.damage == "a member beside the events is not valid JSON");
  CHECK_FALSE(decoded.cut_off);
  REQUIRE(decoded.records.size() == 1);
  CHECK(decoded.records.front().payload() == plain_event(1));
}

TEST_CASE("the records of generated answers are what stood in the array, byte for byte") {
  const auto seed = GENERATE(range(0U, 200U));
  Generator generate(seed);
  std::string inside;
  std::string events;
  const std::size_t count = 1 + generate.pick(20);
  for (std::size_t i = 0; i < count; ++i) {
    const std::string event = generate.event();
    inside += (i == 0 ? "" : ",") + generate.space() + event + generate.space();
    events += event;
  }
  const Decoded decoded = decode_body(generate.space() + answer(inside) + generate.space());
  CHECK(decoded.damage.empty());
  CHECK(decoded.rejects.empty());
  CHECK(decoded.records.size() == count);
  std::string joined;
  for (const Record& record : decoded.records) {
    joined += record.value;
    CHECK(record.payload() == record.value);
  }
  CHECK(joined == events);
}

TEST_CASE("an answer cut anywhere gives the events that are whole by then") {
  const std::vector<std::string> events = plain_events(20);
  const std::string before = R"( {"links" : [1, 2], "businessEventData" : [ )";
  const std::string after = R"( ], "hasMore":false, "warnings":[{"a":"ü"}] } )";
  std::string body = before;
  std::vector<std::size_t> ends;
  for (const std::string& event : events) {
    body += (ends.empty() ? "" : " , ") + event;
    ends.push_back(body.size());
  }
  body += after;
  for (std::size_t size = 2; size <= body.size(); ++size) {
    const Decoded decoded = decode_body(std::string_view(body).substr(0, size));
    const auto whole = std::upper_bound(ends.begin(), ends.end(), size) - ends.begin();
    const bool complete = size >= body.size() - 1;
    if (bytes_of(decoded.records) != std::vector(events.begin(), events.begin() + whole) ||
        !decoded.rejects.empty() || decoded.cut_off == complete ||
        decoded.damage !=
            (complete ? "" : fmt::format("it ends too early; whole events in it: {}", whole))) {
      FAIL("cut after " << size << " bytes: " << decoded.records.size() << " of " << whole << ": "
                        << decoded.damage);
    }
  }
}

TEST_CASE("an answer cut before its events is a cut and nothing else") {
  const auto body = GENERATE(as<std::string>(), "{", R"({"something":1,)", R"({"links":[],"bus)");
  const Decoded decoded = decode_body(body);
  CHECK(decoded.damage == "it ends too early; whole events in it: 0");
  CHECK(decoded.cut_off);
}

TEST_CASE("an answer cut behind its mappings gives records with them") {
  const Decoded decoded = decode_body(
      fmt::format(R"({{"dataValueMapping":[1],"businessEventData":[{},{{"bus)", event_with("{}")));
  CHECK(decoded.cut_off);
  REQUIRE(decoded.records.size() == 1);
  CHECK(decoded.records.front().payload().ends_with(R"(,"dataValueMapping":[1]})"));
}

TEST_CASE("one bad event is rejected with its bytes and harms no other") {
  struct Bad {
    std::string event;
    std::string reason;
  };
  const std::string no_object = "the event is not a JSON object";
  const std::string no_id = "the event has no businessEventId.id";
  const std::string no_json = "the event is not valid JSON: ";
  const auto with = [](std::string_view value) {
    return fmt::format(R"({{"businessEventId":{{"id":"9"}},"x":{}}})", value);
  };
  const std::vector<Bad> bad_events = {
      {"5", no_object},
      {"null", no_object},
      {"true", no_object},
      {R"("Smith")", no_object},
      {R"([{"businessEventId":{"id":"9"}}])", no_object},
      {"{}", no_id},
      {R"({"businessEventId":"9"})", no_id},
      {event_with("{}", "null"), no_id},
      {event_with("{}", R"("")"), no_id},
      {event_with("{}", "{}"), no_id},
      {event_with("{}", R"(["9"])"), no_id},
      {event_with("{}", R"({"id":"9"})"), no_id},
      {"NaN", no_json + "Invalid value."},
      {with("NaN"), no_json + "Invalid value."},
      {with("Infinity"), no_json + "Invalid value."},
      {with("-Infinity"), no_json + "Invalid value."},
      {with(R"([{},{"businessEvent":1}],"y":NaN)"), no_json + "Invalid value."},
      {with("[1, 02]"), no_json + "Missing a comma or ']' after an array element."},
      {with("[1,]"), no_json + "Invalid value."},
      {with(R"({"a":1,})"), no_json + "Missing a name for object member."},
      {with(R"({"a":NaN,"b":"}]"})"), no_json + "Invalid value."},
      {with(R"({"a":NaN,"b":"\\"})"), no_json + "Invalid value."},
      {with(R"({"a":NaN,"b":"\"]"})"), no_json + "Invalid value."},
      {with("'Smith'"), no_json + "Invalid value."},
      {with("\"Sm\xc3\""), no_json + "Invalid encoding in string."},
      {with("\"M\xfcller\""), no_json + "Invalid encoding in string."},
      {with("\"\xc0\xaf\""), no_json + "Invalid encoding in string."},
      {with("\"\xed\xa0\x80\""), no_json + "Invalid encoding in string."},
      {with("\"\xf5\x80\x80\x80\""), no_json + "Invalid encoding in string."},
      {"{\"M\xfcller\":1}", no_json + "Invalid encoding in string."},
      {with(R"("\ud83")"), no_json + "Incorrect hex digit after \\u escape in string."},
      {with("1e"), no_json + "Miss exponent in number."},
      {with("[1e400, 02]"), no_json + "Missing a comma or ']' after an array element."},
      {with(R"(["\ud83d", "\udx00"])"),
       no_json + "Incorrect hex digit after \\u escape in string."},
      {with(R"("\x")"), no_json + "Invalid escape character in string."},
      {with("\"a\nb\""), no_json + "Invalid escape character in string."},
      {with(std::string("\"a\0b\"", 5)), no_json + "Missing a closing quotation mark in string."},
      {with(std::string("\0", 1)), no_json + "Invalid value."},
  };
  for (const Bad& bad : bad_events) {
    for (const std::size_t place : {0U, 9U, 19U}) {
      std::vector<std::string> events = plain_events(20);
      events[place] = bad.event;
      const Decoded decoded = decode_body(answer(fmt::format("{}", fmt::join(events, ", "))));
      events.erase(events.begin() + static_cast<std::ptrdiff_t>(place));
      INFO(bad.event);
      CHECK(bytes_of(decoded.records) == events);
      REQUIRE(decoded.rejects.size() == 1);
      CHECK(decoded.rejects.front().event == bad.event);
      CHECK(decoded.rejects.front().reason == bad.reason);
      CHECK(decoded.damage.empty());
      CHECK_FALSE(decoded.cut_off);
    }
  }
}

TEST_CASE("a quote or a bracket too many or too few harms no other event when one follows") {
  const auto bad = GENERATE(as<std::string>(), R"({"businessEventId":{"id":"9"},"x":"O"Neill"})",
                            R"({"businessEventId":{"id":"9"},"x":"O})",
                            R"({"businessEventId":{"id":"9"},"x":O"})",
                            R"({"businessEventId":{"id":"9"},"x":[1,{"a":2]})",
                            R"({"businessEventId":{"id":"9"},"x":{"a":[2}})",
                            R"({"businessEventId":{"id":"9"},"x":{"a":2})");
  const auto separator = GENERATE(as<std::string>(), ",", " ,\n ");
  const std::string one = plain_event(1);
  SECTION("one follows") {
    const Decoded decoded =
        decode_body(answer(fmt::format("{0}{1}{2}{1}{0}{1}{2}{1}{0}", one, separator, bad)));
    CHECK(bytes_of(decoded.records) == std::vector{one, one, one});
    REQUIRE(decoded.rejects.size() == 2);
    CHECK(decoded.rejects.front().event == bad);
    CHECK(decoded.rejects.back().event == bad);
    CHECK(decoded.damage.empty());
  }
  SECTION("none follows: there may have been some") {
    const Decoded decoded = decode_body(answer(one + separator + bad));
    CHECK(bytes_of(decoded.records) == std::vector{one});
    CHECK_FALSE(decoded.damage.empty());
    CHECK(decoded.cut_off);
  }
}

TEST_CASE("what RFC 8259 allows passes, whether or not it can be stored") {
  const auto value =
      GENERATE(as<std::string>(), "1e400", "-1E+0400", "1e99999999999999999999", "0e400",
               "0.0e-99999999999", R"("\ud83d")", R"("\uDC00\uD800")", R"("\ud83dx")",
               R"("\\ud83d\ud83d\"")", R"(["\ud83d",1e400,"\ud83d\udece",-0,10,{"\udfff":1e400}])");
  const std::string event = fmt::format(
      R"({{"x":{0},"businessEventId":{{"id":"1"}},"businessEvent":{{"header":{{"hotelId":"H"}}}}}})",
      value);
  const Record record = record_of(event);
  CHECK(record.value == event);
  CHECK(record.key == "H//");
  CHECK(header(record, "ce_id") == "1");
}

TEST_CASE("a number of any length is one") {
  const std::string digits = repeat("1234567890", 100);
  const std::string event = event_with(fmt::format(R"({{"primaryKey":{}.5}})", digits), digits);
  const Record record = record_of(event);
  CHECK(record.value == event);
  CHECK(record.key == "//" + digits + ".5");
  CHECK(header(record, "ce_id") == digits);
}

TEST_CASE("an event without a hotel is the polled hotel's") {
  const std::string hotel = GENERATE("", R"("hotelId":null,)", R"("hotelId":"",)");
  const Record record =
      record_of(event_with("{" + hotel + R"("moduleName":"Profile","primaryKey":7})"),
                {"gw.example.com", "KAFKA", "o.{hotel}", "ABC"});
  CHECK(record.key == "ABC/profile/7");
  CHECK(record.topic == "o.ABC");
  CHECK(header(record, "ce_hotelid") == "ABC");
}

TEST_CASE("however Oracle spells the module, the key is the same") {
  const std::string module = GENERATE("Reservation", "RESERVATION", "reservation");
  CHECK(record_of(event_with(fmt::format(R"({{"moduleName":"{}"}})", module))).key ==
        "/reservation/");
}

TEST_CASE("the source names the gateway, and what is not usual of it") {
  const auto [gateway, source] = GENERATE(
      std::pair{"h", "//h/externalSystem/E"}, std::pair{"h:8443", "//h:8443/externalSystem/E"},
      std::pair{"h/prod", "//h/prod/externalSystem/E"},
      std::pair{"http://127.0.0.1:80/x", "http://127.0.0.1:80/x/externalSystem/E"});
  CHECK(header(record_of(event_with("{}"), {gateway, "E", "o"}), "ce_source") == source);
}

TEST_CASE("more events than an answer has are put aside whole") {
  const int count = GENERATE(21, 22, 10'000);
  const std::string event = GENERATE(R"({"businessEventId":{"id":1}})", "{}", "5");
  std::string events = event;
  for (int i = 1; i < count; ++i) {
    events += "," + event;
  }
  const std::string body =
      GENERATE_COPY(answer(events), answer(events).substr(0, answer(events).size() - 1),
                    answer(event) + answer(events));
  const Decoded decoded = decode_body(body);
  CHECK(decoded.damage == "it holds more than 20 events");
  CHECK(decoded.records.empty());
  CHECK(decoded.rejects.empty());
  CHECK(decoded.events == 21);
  CHECK_FALSE(decoded.cut_off);
}

TEST_CASE("nesting has a bound") {
  const std::string deep = repeat("[", 1'000'001) + repeat("]", 1'000'001);
  const Decoded decoded = decode_body(
      answer(fmt::format(R"({{"businessEventId":{{"id":1}},"x":{}}},{})", deep, plain_event(1))));
  CHECK(bytes_of(decoded.records) == plain_events(1));
  REQUIRE(decoded.rejects.size() == 1);
  CHECK(decoded.rejects[0].reason == "the event is not valid JSON: It is nested too deep.");
}

TEST_CASE("content codings are undone, whatever the head said of them") {
  const std::string body = fmt::format(R"({{"businessEventData":[{}],"dataValueMapping":[1]}})",
                                       fmt::join(plain_events(20), ","));
  const std::string coded =
      GENERATE_COPY(gzip(body), zlib(body), bare_deflate(body), gzip(gzip(body)));
  const Decoded decoded = decode_body(coded);
  CHECK(bytes_of(decoded.records) == plain_events(20));
  CHECK(decoded.damage.empty());
  CHECK(decoded.records.back().payload().ends_with(R"(,"dataValueMapping":[1]})"));
}

TEST_CASE("of compression that breaks off every whole event counts") {
  const std::string body = answer(fmt::format("{}", fmt::join(plain_events(20), ",")));
  const std::string coded = gzip(body);
  for (std::size_t size = 2; size < coded.size(); ++size) {
    const Decoded decoded = decode_body(coded.substr(0, size));
    const bool complete = decoded.records.size() == 20 && !decoded.cut_off;
    if (decoded.cut_off == complete || decoded.damage.empty() == decoded.cut_off) {
      FAIL("cut after " << size << " bytes: " << decoded.damage);
    }
  }
}

TEST_CASE("compression that cannot be undone is damage; what could be undone counts") {
  const std::string body = answer(plain_event(1));
  SECTION("changed on the way") {
    std::string coded = gzip(body);
    coded[coded.size() - 6] = static_cast<char>(coded[coded.size() - 6] ^ 1);
    const Decoded decoded = decode_body(coded);
    CHECK(bytes_of(decoded.records) == plain_events(1));
    CHECK(decoded.damage.starts_with("its compression is broken"));
    CHECK_FALSE(decoded.cut_off);
  }
  SECTION("too many layers") {
    const Decoded decoded = decode_body(gzip(gzip(gzip(gzip(body)))));
    CHECK(decoded.damage.starts_with("it is compressed more than 3 times"));
    CHECK(decoded.records.empty());
  }
  SECTION("longer than any answer") {
    const Decoded decoded =
        decode_body(gzip(answer(plain_event(1) + "," + std::string(std::size_t{33} << 20, ' '))));
    CHECK(bytes_of(decoded.records) == plain_events(1));
    CHECK(decoded.damage.starts_with("it is longer than 32 MiB without its compression"));
    CHECK(decoded.cut_off);
  }
}

TEST_CASE("a transfer that broke off is whole only where its JSON is") {
  const auto decode_cut_off = [](std::string_view body) {
    Batch batch;
    batch.body = body;
    batch.whole = false;
    return decode(batch, kOrigin);
  };
  for (const char* const whole :
       {"{}", " {} \r\n", "\xef\xbb\xbf{}", R"({"businessEventData":[]})"}) {
    CHECK(decode_cut_off(whole).damage.empty());
    CHECK_FALSE(decode_cut_off(whole).cut_off);
  }
  CHECK(decode_cut_off(gzip("{}")).damage.empty());
  for (const std::string& blank :
       {std::string(), std::string("\r\n"), std::string("\xef\xbb\xbf"),
        std::string("\xef\xbb\xbf \t"), gzip(""), gzip("\r\n"), std::string("<html>")}) {
    CHECK(decode_cut_off(blank).cut_off);
    CHECK_FALSE(decode_cut_off(blank).damage.empty());
  }
}

TEST_CASE("blank is white space, perhaps behind a byte order mark") {
  for (const char* const blank : {"", " ", "\r\n\t ", "\xef\xbb\xbf", "\xef\xbb\xbf\r\n"}) {
    CHECK(is_blank(blank));
  }
  for (const char* const text : {"{", " x", "\xef\xbb", "\xef\xbb\xbf{", "\r\n\xef\xbb\xbf"}) {
    CHECK_FALSE(is_blank(text));
  }
}

TEST_CASE("an answer without events is nothing") {
  check_nothing("");
  check_nothing(" \r\n\t");
  check_nothing("{}");
  check_nothing("\xef\xbb\xbf{}");
  check_nothing(R"({"businessEventData":[]})");
  check_nothing(R"( { "businessEventData" : [ ] , "whatever" : 1 } )");
  check_nothing(R"({"businessEventData":null})");
  check_nothing(R"({"links":[],"warnings":[],"DataValueMapping":[],"hasMore":false,"count":0})");
}

TEST_CASE("what is no answer of OHIP is damage as a whole, not a cut") {
  struct Body {
    std::string text;
    std::string damage;
  };
  const std::vector<Body> bodies = {
      {"<!DOCTYPE html><html><head><title>502</title></head>", "it is not a JSON object"},
      {"Smith", "it is not a JSON object"},
      {"[" + plain_event(1) + "]", "it is not a JSON object"},
      {"[", "it is not a JSON object"},
      {"null", "it is not a JSON object"},
      {R"("{}")", "it is not a JSON object"},
      {std::string("\0{}", 3), "it is not a JSON object"},
      {R"({"o:errorCode":"OPERAWS-GENERAL"})", "it has no businessEventData"},
      {R"({"links":[],"events":[]})", "it has no businessEventData"},
  };
  for (const Body& body : bodies) {
    INFO(body.text);
    const Decoded decoded = decode_body(body.text);
    CHECK(decoded.damage == body.damage);
    CHECK_FALSE(decoded.cut_off);
    CHECK(decoded.records.empty());
    CHECK(decoded.rejects.empty());
  }
}

TEST_CASE("garbage behind the document is damage, and its events count") {
  const auto garbage =
      GENERATE(as<std::string>(), "x", "]", "}", "<html>", "5", ",", std::string("\0", 1));
  const Decoded decoded = decode_body(answer(plain_event(1)) + "\n" + garbage);
  CHECK(bytes_of(decoded.records) == plain_events(1));
  CHECK(decoded.damage == "something follows its JSON document");
  CHECK_FALSE(decoded.cut_off);
}

TEST_CASE("the events of a second document count, but two documents are damage") {
  const std::string first = answer(plain_event(1));
  SECTION("whole") {
    const Decoded decoded = decode_body(first + answer(plain_event(2)) + "\n" + answer(""));
    CHECK(bytes_of(decoded.records) == plain_events(2));
    CHECK(decoded.damage == "it holds more than one JSON document");
    CHECK_FALSE(decoded.cut_off);
  }
  SECTION("cut off") {
    const Decoded decoded =
        decode_body(first + R"({"businessEventData":[)" + plain_event(2) + ",{");
    CHECK(bytes_of(decoded.records) == plain_events(2));
    CHECK(decoded.damage ==
          "it holds more than one JSON document; it ends too early; whole events in it: 2");
    CHECK(decoded.cut_off);
  }
  SECTION("and no events in it") {
    const Decoded decoded = decode_body(first + R"({"o:errorCode":"OPERAWS-GENERAL"})");
    CHECK(bytes_of(decoded.records) == plain_events(1));
    CHECK(decoded.damage == "it holds more than one JSON document; it has no businessEventData");
  }
  SECTION("each with mappings of its own") {
    const std::string event = event_with("{}");
    const Decoded decoded = decode_body(fmt::format(
        R"({{"businessEventData":[{0}],"dataValueMapping":[1]}})"
        R"({{"businessEventData":[{0}],"dataValueMapping":[2]}}{{"businessEventData":{0}}})",
        event));
    REQUIRE(decoded.records.size() == 3);
    CHECK(decoded.records[0].payload().ends_with(R"(},"dataValueMapping":[1]})"));
    CHECK(decoded.records[1].payload().ends_with(R"(},"dataValueMapping":[2]})"));
    CHECK(decoded.records[2].payload() == event);
  }
}

TEST_CASE("JSON that is broken between the events gives those before, and may hide some") {
  const std::string one = plain_event(1);
  const auto body = GENERATE_COPY(
      as<std::string>(), R"({"businessEventData":[)" + one + one + "]}",
      R"({"businessEventData":[)" + one + ",,{}]}", R"({"businessEventData":[)" + one + ",]}",
      R"({"businessEventData":[)" + one + "}}", R"({"businessEventData":[)" + one + "]]",
      R"({"businessEventData":[)" + one + "],}", R"({"businessEventData":[)" + one + "],5:6}",
      R"({"businessEventData":[)" + one + "],\"a\" 5}",
      R"({"businessEventData":[)" + one + "],\"\xff\":5}",
      R"({"businessEventData":[)" + one + "<html>504 Gateway Time-out</html>");
  INFO(body);
  const Decoded decoded = decode_body(body);
  CHECK(bytes_of(decoded.records) == plain_events(1));
  CHECK(decoded.damage.starts_with("its JSON is broken at byte "));
  CHECK(decoded.damage.ends_with("; whole events before: 1"));
  CHECK(decoded.cut_off);
}

TEST_CASE("a NUL byte does not end an answer") {
  const Decoded decoded = decode_body(answer(plain_event(1) + std::string(1, '\0')));
  CHECK(decoded.records.size() == 1);
  CHECK(decoded.damage.starts_with("its JSON is broken"));
  CHECK(decoded.cut_off);
}

TEST_CASE("an event nested 900,000 deep is a record like any other") {
  constexpr std::size_t kDeep = 900'000;
  const std::string nested = GENERATE(repeat("[", kDeep) + repeat("]", kDeep),
                                      repeat(R"({"a":)", kDeep) + "1" + repeat("}", kDeep));
  const std::string event = fmt::format(R"({{"businessEventId":{{"id":1}},"x":{}}})", nested);
  const Decoded decoded = decode_body(answer(event + "," + plain_event(1)));
  CHECK(decoded.damage.empty());
  REQUIRE(decoded.records.size() == 2);
  CHECK((decoded.records.front().value == event));
}

TEST_CASE("nesting that never ends is a cut") {
  const std::string deep = repeat(GENERATE("[", R"({"a":)"), 1'000'000);
  const auto body = GENERATE_COPY(deep.front() == '{' ? deep : R"({"x":)" + deep,
                                  R"({"businessEventData":)" + deep,
                                  R"({"businessEventData":[)" + plain_event(1) + "," + deep);
  const Decoded decoded = decode_body(body);
  CHECK(decoded.cut_off);
  CHECK(decoded.records.size() + decoded.rejects.size() <= 1);
}

TEST_CASE("reasons and damage hold no guest data") {
  const auto body = GENERATE(
      as<std::string>(), answer(R"({"businessEvent":"Smith"})"), answer(R"({"Smith":Smith})"),
      "Smith", R"({"Smith":1})", R"({"businessEventData":[{"Smith":"Smith)",
      R"({"businessEventData":[] "Smith"})", R"({"businessEventData":[],"Smith":Smith})");
  const Decoded decoded = decode_body(body);
  CHECK(decoded.damage.size() + decoded.rejects.size() > 0);
  CHECK(decoded.damage.find("Smith") == std::string::npos);
  for (const Reject& reject : decoded.rejects) {
    CHECK(reject.reason.find("Smith") == std::string::npos);
  }
}
