// libFuzzer: whatever a command line holds (arguments end in NUL bytes), it is understood or
// refused as a usage error of a readable length, and no secret is taken from it.

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "config/command_line.h"
#include "config/kafka_properties.h"
#include "config/parse.h"
#include "config/setting.h"
#include "require.h"

namespace {

std::vector<std::string> arguments_of(std::string_view bytes) {
  std::vector<std::string> arguments = {"ohip-poll"};
  for (std::size_t end = 0; !bytes.empty(); bytes.remove_prefix(std::min(end + 1, bytes.size()))) {
    end = std::min(bytes.find('\0'), bytes.size());
    arguments.emplace_back(bytes.substr(0, end));
  }
  return arguments;
}

void judge(const ohip::Options& options) {
  for (const auto& [name, value] : options.settings) {
    require(ohip::find_setting(name) != nullptr);
    require(value.status == ohip::ExitStatus::kUsage && !value.text.empty());
    if (name == "OHIP_HOTELS") {
      ohip::parse_hotels(value.text);
    }
  }
  for (const auto& [name, value] : options.properties) {
    require(!ohip::is_secret(name));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kReadable = 1'000;
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): libFuzzer's bytes are unsigned
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::vector<std::string> arguments = arguments_of(bytes);
  std::vector<const char*> pointers;
  for (const std::string& argument : arguments) {
    pointers.push_back(argument.c_str());
  }
  try {
    judge(ohip::parse_command_line(static_cast<int>(pointers.size()), pointers.data()));
  } catch (const ohip::Error& error) {
    require(error.status() == ohip::ExitStatus::kUsage ||
            error.status() == ohip::ExitStatus::kConfig);
    require(std::string_view(error.what()).size() < kReadable);
  }
  return 0;
}
