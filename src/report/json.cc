#include "report/json.h"

#include "base/secrets.h"

namespace ohip {
namespace {

void write_key(Json& json, std::string_view name) {
  json.Key(name.data(), static_cast<rapidjson::SizeType>(name.size()));
}

}  // namespace

void write(Json& json, std::string_view name, std::string_view text) {
  write_key(json, name);
  json.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

void write(Json& json, std::string_view name, std::uint64_t number) {
  write_key(json, name);
  json.Uint64(number);
}

void write(Json& json, std::string_view name, ExitStatus status) {
  write(json, name, static_cast<std::uint64_t>(status));
}

void write_seconds(Json& json, std::string_view name, std::chrono::microseconds duration) {
  write_key(json, name);
  json.Double(std::chrono::duration<double>(duration).count());
}

void write_problems(Json& json, const std::vector<Error>& problems, std::size_t longest) {
  write_key(json, "problems");
  json.StartArray();
  for (const Error& problem : problems) {
    json.StartObject();
    write(json, "status", problem.status());
    write(json, "message", masked(problem.what(), longest));
    if (!problem.detail().empty()) {
      write(json, "detail", masked(problem.detail(), longest));
    }
    if (!problem.hint().empty()) {
      write(json, "hint", masked(problem.hint(), longest));
    }
    json.EndObject();
  }
  json.EndArray();
}

}  // namespace ohip
