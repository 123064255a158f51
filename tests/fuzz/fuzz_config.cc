// libFuzzer: whatever a config file holds, it is understood or refused with its place.

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <string>

#include "base/error.h"
#include "config/config_file.h"
#include "config/parse.h"
#include "require.h"

namespace {

// A file of these bytes without a disk.
std::string make_file(int fd, const std::uint8_t* data, std::size_t size) {
  require(ftruncate(fd, 0) == 0);
  require(pwrite(fd, data, size, 0) == static_cast<ssize_t>(size));
  return "/proc/self/fd/" + std::to_string(fd);
}

template <typename Parse>
void understand(Parse parse, const std::string& text) {
  try {
    parse(text);
  } catch (const ohip::Error& error) {
    require(error.status() == ohip::ExitStatus::kConfig);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const int fd = memfd_create("config", MFD_CLOEXEC);
  const std::string path = make_file(fd, data, size);
  try {
    for (const auto& [name, value] : ohip::read_config_file(path)) {
      require(!name.empty() && value.origin.find(path + ":") == 0);
      understand(ohip::parse_duration, value.text);
      understand(ohip::parse_limit, value.text);
      understand(ohip::parse_code, value.text);
      understand(ohip::parse_hotels, value.text);
      understand(ohip::parse_topic, value.text);
      understand(ohip::parse_uuid, value.text);
      understand(ohip::parse_line, value.text);
      understand(ohip::parse_absolute_path, value.text);
    }
  } catch (const ohip::Error& error) {
    require(error.status() == ohip::ExitStatus::kConfig);
    require(std::string(error.what()).find(path + ":") == 0);
  }
  try {
    for (const auto& [name, value] : ohip::read_environment_file(path)) {
      require(value.text.find_first_of("\\\r\n") == std::string::npos);
      require(value.text.find_first_of("\"' \t") != 0);
    }
  } catch (const ohip::Error& error) {
    require(error.status() == ohip::ExitStatus::kConfig);
    require(std::string(error.what()).find(path + ":") == 0);
  }
  return 0;
}
