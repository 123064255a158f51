#include "simulator/graphql.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <string_view>
#include <utility>

namespace ohip::sim {
namespace {

using rapidjson::Value;

// Of each object its fields' types; an empty one is a scalar.
using Types = std::map<std::string, std::map<std::string, std::string>>;

const Types& types() {
  static const Types all = {{"Subscription", {{"newEvent", "EventHeader"}}},
                            {"EventHeader",
                             {{"metadata", "Metadata"},
                              {"moduleName", ""},
                              {"eventName", ""},
                              {"primaryKey", ""},
                              {"timestamp", ""},
                              {"hotelId", ""},
                              {"publisherId", ""},
                              {"actionInstanceId", ""},
                              {"detail", "EventDetail"}}},
                            {"Metadata", {{"offset", ""}, {"uniqueEventId", ""}}},
                            {"EventDetail",
                             {{"newValue", ""},
                              {"oldValue", ""},
                              {"elementName", ""},
                              {"scopeFrom", ""},
                              {"scopeTo", ""},
                              {"elementSequence", ""},
                              {"elementType", ""},
                              {"elementRole", ""}}},
                            {"Query", {{"connection", "ConnectionStatus"}, {"getHelp", "Help"}}},
                            {"ConnectionStatus", {{"id", ""}, {"status", ""}}},
                            {"Help",
                             {{"overview", ""},
                              {"configuration", ""},
                              {"connection", "ConnectionHelp"},
                              {"events", "EventHelp"},
                              {"slack", ""},
                              {"email", ""}}},
                            {"ConnectionHelp", {{"help", ""}, {"errors", ""}}},
                            {"EventHelp", {{"payload", ""}, {"replaying", ""}}}};
  return all;
}

void check_field(const Field& field, const std::string& object) {
  const auto& fields = types().at(object);
  const auto found = fields.find(field.name);
  if (found == fields.end()) {
    throw BadOperation(fmt::format(R"(Cannot query field "{}" on type "{}".)", field.name, object));
  }
  const std::string& type = found->second;
  if (type.empty() != field.fields.empty()) {
    throw BadOperation(fmt::format("Field \"{}\" must {}have a selection of subfields.", field.name,
                                   type.empty() ? "not " : ""));
  }
  for (const Field& part : field.fields) {
    check_field(part, type);
  }
}

bool is_name(char c) {
  return c == '_' || std::isalnum(static_cast<unsigned char>(c)) != 0;
}

// The part of GraphQL's grammar that is needed for one operation: no fragments, directives or
// aliases.
class Parser {
 public:
  Parser(std::string_view text, const Value& variables) : text_(text), variables_(variables) {
    skip();
  }

  Operation operation() {
    Operation result;
    result.type = peek() == '{' ? "query" : name();
    if (result.type != "query" && result.type != "subscription") {
      fail();
    }
    if (is_name(peek())) {
      name();
    }
    if (peek() == '(') {
      skip_variable_definitions();
    }
    expect('{');
    result.field.name = name();
    if (peek() == '(') {
      arguments(result.input);
    }
    result.field.fields = selection();
    expect('}');
    if (!text_.empty()) {
      fail();
    }
    return result;
  }

 private:
  [[noreturn]] void fail() const {
    throw BadOperation(fmt::format("Syntax Error: Unexpected {}.",
                                   text_.empty() ? "<EOF>" : fmt::format("\"{}\"", text_[0])));
  }

  // Spaces, commas and comments mean nothing.
  void skip() {
    while (!text_.empty()) {
      if (text_[0] == '#') {
        text_.remove_prefix(std::min(text_.find('\n'), text_.size()));
      } else if (std::string_view(" \t\r\n,").find(text_[0]) == std::string_view::npos) {
        return;
      } else {
        text_.remove_prefix(1);
      }
    }
  }

  char peek() const { return text_.empty() ? '\0' : text_[0]; }

  void expect(char c) {
    if (peek() != c) {
      fail();
    }
    text_.remove_prefix(1);
    skip();
  }

  std::string name() {
    const auto* const end = std::find_if_not(text_.begin(), text_.end(), is_name);
    std::string result(text_.begin(), end);
    if (result.empty()) {
      fail();
    }
    text_.remove_prefix(result.size());
    skip();
    return result;
  }

  std::vector<Field> selection() {
    std::vector<Field> fields;
    if (peek() != '{') {
      return fields;
    }
    expect('{');
    while (peek() != '}') {
      const std::string field = name();
      fields.push_back({field, selection()});
    }
    expect('}');
    return fields;
  }

  void skip_variable_definitions() {
    const std::size_t end = text_.find(')');
    if (end == std::string_view::npos) {
      fail();
    }
    text_.remove_prefix(end);
    expect(')');
  }

  void arguments(rapidjson::Document& input) {
    expect('(');
    while (peek() != ')') {
      const std::string argument = name();
      expect(':');
      if (argument != "input") {
        throw BadOperation(fmt::format("Unknown argument \"{}\".", argument));
      }
      Value given = value(input.GetAllocator());
      static_cast<Value&>(input).Swap(given);
    }
    expect(')');
  }

  using Memory = rapidjson::Document::AllocatorType;

  Value value(Memory& memory) {
    if (peek() == '$') {
      expect('$');
      return variable(memory);
    }
    if (peek() == '{') {
      return object(memory);
    }
    if (peek() == '"') {
      return string(memory);
    }
    return word();
  }

  Value variable(Memory& memory) {
    const std::string wanted = name();
    Value found;
    if (variables_.IsObject() && variables_.HasMember(wanted.c_str())) {
      found.CopyFrom(variables_[wanted.c_str()], memory);
    }
    return found;
  }

  Value object(Memory& memory) {
    Value result(rapidjson::kObjectType);
    expect('{');
    while (peek() != '}') {
      Value key(name().c_str(), memory);
      expect(':');
      Value member = value(memory);
      result.AddMember(key, member, memory);
    }
    expect('}');
    return result;
  }

  // As in JSON, which has all of GraphQL's escapes.
  Value string(Memory& memory) {
    std::size_t end = 1;
    while (end < text_.size() && text_[end] != '"') {
      end += text_[end] == '\\' ? 2U : 1U;
    }
    rapidjson::Document json(&memory);
    json.Parse(text_.data(), std::min(end + 1, text_.size()));
    if (json.HasParseError() || !json.IsString()) {
      throw BadOperation("Syntax Error: Unterminated string.");
    }
    text_.remove_prefix(end + 1);
    skip();
    return Value(json, memory);
  }

  // true, false, null, or what stands for no string: a number or an enum's value.
  Value word() {
    if (peek() == '-') {
      text_.remove_prefix(1);
    }
    const std::string text = name();
    if (text == "true" || text == "false") {
      return Value(text == "true");
    }
    return text == "null" ? Value() : Value(0);
  }

  std::string_view text_;
  const Value& variables_;
};

// A scalar of the schema; its name holds its length and its pattern, which is a set of characters.
struct Scalar {
  const char* name;
  std::size_t length;
  const char* pattern;
  const char* besides;  // what it admits besides letters and digits; null: digits alone
};

constexpr Scalar kChain{"chainCode", 20, "^[A-Za-z0-9 _%#$&-]+$", " _%#$&-"};
constexpr Scalar kOffset{"offset", 20, "^[0-9]+$", nullptr};
constexpr Scalar kHotels{"hotelCode", 50, "^[A-Za-z0-9 _%#$&,-]+$", " _%#$&,-"};

bool admits(const Scalar& scalar, char c) {
  if (c >= '0' && c <= '9') {
    return true;
  }
  return scalar.besides != nullptr &&
         ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
          std::string_view(scalar.besides).find(c) != std::string_view::npos);
}

[[noreturn]] void refuse(const std::string& name, const std::string& value,
                         const std::string& pattern) {
  throw BadOperation(fmt::format("Value for {} is invalid - Expected {} to match pattern {}", name,
                                 value, pattern));
}

// Empty when absent or null.
std::string member(const Value& input, const Scalar& scalar) {
  if (!input.HasMember(scalar.name) || input[scalar.name].IsNull()) {
    return {};
  }
  const Value& value = input[scalar.name];
  std::string text = value.IsString() ? value.GetString() : "";
  const bool right =
      !text.empty() && text.size() <= scalar.length &&
      std::all_of(text.begin(), text.end(), [&](char c) { return admits(scalar, c); });
  if (!right) {
    refuse(scalar.name, text, scalar.pattern);
  }
  return text;
}

bool flag(const Value& input, const char* name) {
  if (!input.HasMember(name) || input[name].IsNull()) {
    return false;
  }
  if (!input[name].IsBool()) {
    throw BadOperation(fmt::format("Value for {} is invalid - Boolean cannot represent it", name));
  }
  return input[name].GetBool();
}

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> parts;
  for (std::size_t start = 0; start < list.size();) {
    const std::size_t end = std::min(list.find(',', start), list.size());
    parts.push_back(list.substr(start, end - start));
    start = end + 1;
  }
  return parts;
}

void check_names(const Value& input) {
  for (const auto& [name, value] : input.GetObject()) {
    const std::string_view text = name.GetString();
    if (text != "chainCode" && text != "offset" && text != "offsetType" && text != "delta" &&
        text != "hotelCode") {
      throw BadOperation(
          fmt::format(R"(Field "{}" is not defined by type "NewEventInput".)", text));
    }
  }
}

}  // namespace

Operation parse_operation(const std::string& document, const rapidjson::Value& variables) {
  Operation operation = Parser(document, variables).operation();
  check_field(operation.field, operation.type == "query" ? "Query" : "Subscription");
  return operation;
}

NewEventInput parse_input(const rapidjson::Value& input) {
  if (!input.IsObject()) {
    throw BadOperation(
        R"(Argument "input" of type "NewEventInput!" is required, but it was not provided.)");
  }
  check_names(input);
  NewEventInput result;
  result.chain = member(input, kChain);
  if (result.chain.empty()) {
    refuse(kChain.name, "null", kChain.pattern);
  }
  result.offset = member(input, kOffset);
  if (input.HasMember("offsetType") && !input["offsetType"].IsNull()) {
    const Value& type = input["offsetType"];
    result.highest = type.IsString() && std::string_view(type.GetString()) == "highest";
    if (!result.highest) {
      refuse("offsetType", "it", "^(highest)$");
    }
  }
  result.delta = flag(input, "delta");
  result.hotels = split(member(input, kHotels));
  return result;
}

}  // namespace ohip::sim
