#include "stream/message.h"

#include "support/catch.h"

using namespace ohip;

TEST_CASE("an event's bytes are those of the message, and its texts are read") {
  const std::string json =
      R"({ "detail":[{"newValue":"a } ] \" é","oldValue":null}], "metadata" : {"offset":"193","uniqueEventId":"e\u0031"},)"
      R"("moduleName":"PROFILE","eventName":"NEW PROFILE","primaryKey":12.50,"timestamp":"t","hotelId":null,"x":[[],[{}]]})";
  const ServerMessage message =
      parse_server_message(R"({"payload":{"errors":null,"data": {"newEvent": )" + json +
                           R"( }},"id":"s","type":"next"})");
  REQUIRE(message.damage.empty());
  REQUIRE(message.has_event);
  CHECK(message.type == "next");
  CHECK(message.id == "s");
  CHECK(message.event.json == json);
  CHECK(message.event.offset == "193");
  CHECK(message.event.unique_event_id == "e1");
  CHECK(message.event.module == "PROFILE");
  CHECK(message.event.name == "NEW PROFILE");
  CHECK(message.event.primary_key == "12.50");
  CHECK(message.event.timestamp == "t");
  CHECK(message.event.hotel.empty());
}

TEST_CASE("names of the event's members elsewhere mean nothing") {
  const ServerMessage message = parse_server_message(
      R"({"type":"next","id":"s","payload":{"data":{"newEvent":{"metadata":{"offset":"1","uniqueEventId":"u"},)"
      R"("primaryKey":"right","detail":[{"primaryKey":"wrong","metadata":{"offset":"9"}}],"other":{"moduleName":"wrong"}}}}})");
  CHECK(message.event.primary_key == "right");
  CHECK(message.event.offset == "1");
  CHECK(message.event.module.empty());
}

TEST_CASE("of two events in one message the last counts, with its own texts") {
  const ServerMessage message = parse_server_message(
      R"({"payload":{"data":{"newEvent":{"primaryKey":"a","hotelId":"H"},"newEvent":{"primaryKey":"b"}}}})");
  REQUIRE(message.has_event);
  CHECK(message.event.json == R"({"primaryKey":"b"})");
  CHECK(message.event.hotel.empty());
}

TEST_CASE("errors come as words, in next and in error") {
  CHECK(
      parse_server_message(
          R"({"type":"next","payload":{"data":null,"errors":[{"message":"a"},{"message":"b","path":["c"]}]}})")
          .words == "a; b");
  CHECK(parse_server_message(R"({"type":"error","payload":[{"message":"no such field"}]})").words ==
        "no such field");
  CHECK(parse_server_message(R"({"type":"error","payload":[{"message":")" +
                             std::string(1'000'000, 'x') + R"("},{"message":"y"}]})")
            .words.size() < 1'100'000);
}

TEST_CASE("no event: absent, null, a text, a list") {
  const std::string data =
      GENERATE("", R"("data":null)", R"("data":{})", R"("data":{"newEvent":null})",
               R"("data":{"newEvent":"x"})", R"("data":{"newEvent":[{}]})",
               R"("data":{"newEvent":{},"newEvent":null})");
  const std::string text = R"({"type":"next","payload":{)" + data + "}}";
  const ServerMessage message = parse_server_message(text);
  CHECK(message.damage.empty());
  CHECK_FALSE(message.has_event);
  CHECK(message.event.json == text);
}

TEST_CASE("damage is told, with what was read before it") {
  const std::string begin =
      R"({"id":"s","type":"next","payload":{"data":{"newEvent":{"metadata":{"offset":"193","uniqueEventId":"e"},"x":)";
  const std::string text =
      begin + GENERATE(as<std::string>{}, "\"\\ud83d\"}}}}", "\"a\tb\"}}}}", "\"\xff\"}}}}", "1}}}",
                       "1}}}} x", std::string("1}}}}\0x", 7), "nul}}}}");
  const ServerMessage message = parse_server_message(text);
  CHECK_FALSE(message.damage.empty());
  CHECK_FALSE(message.has_event);
  CHECK(message.event.json == text);
  CHECK(message.event.offset == "193");
  CHECK(message.event.unique_event_id == "e");
}

TEST_CASE("deep nesting costs no stack and no memory") {
  const std::string open = GENERATE("[", R"({"a":)");
  std::string text;
  for (int i = 0; i < 1'000'000; ++i) {
    text += open;
  }
  CHECK(parse_server_message(text).damage == "it is nested too deeply");
}
