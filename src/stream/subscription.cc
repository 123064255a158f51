#include "stream/subscription.h"

#include <fmt/format.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <string_view>

#include "base/error.h"
#include "base/text.h"

namespace ohip {
namespace {

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

constexpr std::size_t kMaxChain = 20;
constexpr std::size_t kMaxOffset = 20;
constexpr std::size_t kMaxHotels = 50;

// All that a record needs, and what people want to know. An element that OHIP's schema lacks would
// be refused, and with it the subscription.
constexpr std::string_view kSelection =
    "{ metadata { offset uniqueEventId } moduleName eventName primaryKey timestamp hotelId "
    "publisherId actionInstanceId detail { oldValue newValue elementName scopeFrom scopeTo "
    "elementSequence elementType elementRole } }";

bool is_of(std::string_view text, std::size_t longest, std::string_view others) {
  return !text.empty() && text.size() <= longest &&
         std::all_of(text.begin(), text.end(), [&](char c) {
           return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                  others.find(c) != std::string_view::npos;
         });
}

void member(Writer& writer, const char* name, const std::string& value) {
  writer.Key(name);
  writer.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
}

// The arguments stand in the query itself, as in Oracle's examples.
std::string query(const Subscription& subscription, const std::string& offset, bool highest) {
  std::string input = fmt::format(R"(chainCode: "{}")", subscription.chain);
  if (highest) {
    input += R"(, offsetType: "highest")";
  } else if (!offset.empty()) {
    input += fmt::format(R"(, offset: "{}")", offset);
  }
  if (subscription.delta) {
    input += ", delta: true";
  }
  if (!subscription.hotels.empty()) {
    input += fmt::format(R"(, hotelCode: "{}")", subscription.hotels);
  }
  return fmt::format("subscription {{ newEvent(input: {{ {} }}) {} }}", input, kSelection);
}

}  // namespace

void check_subscription(const Subscription& subscription) {
  if (!is_of(subscription.chain, kMaxChain, " _%#$&-")) {
    fail(ExitStatus::kConfig,
         "{} is no chain code: OHIP takes 1 to {} letters, digits, blanks and _%#$&-",
         shown(subscription.chain), kMaxChain);
  }
  if (!subscription.hotels.empty() && !is_of(subscription.hotels, kMaxHotels, " _%#$&-,")) {
    fail(ExitStatus::kConfig,
         "{} is no list of hotel codes: OHIP takes at most {} letters, digits, blanks and _%#$&-, "
         "in all",
         shown(subscription.hotels), kMaxHotels);
  }
  if (!subscription.from.empty() && !is_offset(subscription.from)) {
    fail(ExitStatus::kConfig, "{} is no offset: OHIP takes 1 to {} digits",
         shown(subscription.from), kMaxOffset);
  }
  if (subscription.replay() && !subscription.has_from()) {
    fail(ExitStatus::kConfig,
         "some hotels alone are for a replay: the stream would pass all others by");
  }
}

bool is_offset(const std::string& text) {
  return !text.empty() && text.size() <= kMaxOffset &&
         text.find_first_not_of("0123456789") == std::string::npos;
}

std::string init_message(const std::string& token, const std::string& app_key) {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  writer.StartObject();
  member(writer, "type", "connection_init");
  writer.Key("payload");
  writer.StartObject();
  member(writer, "Authorization", "Bearer " + token);
  member(writer, "x-app-key", app_key);
  writer.EndObject();
  writer.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

std::string subscribe_message(const std::string& id, const Subscription& subscription,
                              const std::string& offset, bool highest) {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  writer.StartObject();
  member(writer, "id", id);
  member(writer, "type", "subscribe");
  writer.Key("payload");
  writer.StartObject();
  writer.Key("variables");
  writer.StartObject();
  writer.EndObject();
  writer.Key("extensions");
  writer.StartObject();
  writer.EndObject();
  writer.Key("operationName");
  writer.Null();
  member(writer, "query", query(subscription, offset, highest));
  writer.EndObject();
  writer.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

std::string complete_message(const std::string& id) {
  return fmt::format(R"({{"id":"{}","type":"complete"}})", id);
}

}  // namespace ohip
