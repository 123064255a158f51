#pragma once

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <chrono>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace ohip {

// Members of the JSON objects that the programs print.

using Json = rapidjson::Writer<rapidjson::StringBuffer>;

void write(Json& json, std::string_view name, std::string_view text);
void write(Json& json, std::string_view name, std::uint64_t number);
void write(Json& json, std::string_view name, ExitStatus status);
void write_seconds(Json& json, std::string_view name, std::chrono::microseconds duration);

// Each text masked(), and no longer than that many bytes.
void write_problems(Json& json, const std::vector<Error>& problems, std::size_t longest);

}  // namespace ohip
