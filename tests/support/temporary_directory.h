#pragma once

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>

namespace ohip::test {

// Gone with the object that made it.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    // One in 60,000 names looks like the beginning of an access token, which nobody may print.
    do {
      std::string name = (std::filesystem::temp_directory_path() / "ohip-poll-XXXXXX").string();
      if (mkdtemp(name.data()) == nullptr) {
        throw std::runtime_error("mkdtemp failed");
      }
      path_ = name;
    } while (path_.string().find("eyJ") != std::string::npos && std::filesystem::remove(path_));
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

}  // namespace ohip::test
