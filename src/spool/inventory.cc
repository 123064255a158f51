#include "spool/inventory.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <tuple>

#include "base/file.h"
#include "spool/spool.h"

namespace ohip {
namespace fs = std::filesystem;
namespace {

using State = SpoolFile::State;

// A file system's own, and none of ours.
constexpr const char* kLostAndFound = "lost+found";

class Taker {
 public:
  explicit Taker(const fs::path& root) {
    for (const fs::path& gateway : directories(root)) {
      for (const fs::path& external_system : directories(gateway)) {
        for (const fs::path& queue : directories(external_system)) {
          add(queue);
        }
      }
    }
    std::sort(inventory_.queues.begin(), inventory_.queues.end(), [](const auto& a, const auto& b) {
      return a.files.front().received < b.files.front().received;
    });
  }

  Inventory inventory() && { return std::move(inventory_); }

 private:
  std::vector<fs::path> entries(const fs::path& directory) {
    std::vector<fs::path> entries;
    std::error_code error;
    for (fs::directory_iterator entry(directory, error);
         !error && entry != fs::directory_iterator(); entry.increment(error)) {
      entries.push_back(entry->path());
    }
    if (error && error != std::errc::no_such_file_or_directory &&
        directory.filename() != kLostAndFound) {
      inventory_.unreadable.emplace_back(ExitStatus::kSpool,
                                         "read " + directory.string() + ": " + error.message(),
                                         "try as root, or as the user that the job runs as");
    }
    std::sort(entries.begin(), entries.end());
    return entries;
  }

  // Links are not followed, and told: what is behind them is no empty queue.
  std::vector<fs::path> directories(const fs::path& directory) {
    std::vector<fs::path> found;
    for (const fs::path& entry : entries(directory)) {
      std::error_code error;
      const bool hidden = entry.filename().string().front() == '.';
      if (hidden || !fs::is_directory(entry, error)) {
        continue;
      }
      if (fs::is_symlink(entry, error)) {
        inventory_.unreadable.emplace_back(ExitStatus::kSpool,
                                           entry.string() + " is a link, and not followed");
      } else {
        found.push_back(entry);
      }
    }
    return found;
  }

  void add(const fs::path& directory) {
    SpoolQueue queue{{unescape_name(directory.parent_path().parent_path().filename().string()),
                      unescape_name(directory.parent_path().filename().string()),
                      unescape_name(directory.filename().string())},
                     directory,
                     {}};
    for (const fs::path& file : entries(directory)) {
      if (file.extension() == ".json") {
        add(file, State::kWaiting, queue);
      } else if (file.extension() == ".part") {
        add(file, State::kArriving, queue);
      }
    }
    for (const fs::path& subdirectory : directories(directory)) {
      if (subdirectory.filename() == kQuarantine) {
        add_quarantine(subdirectory, queue);
      }
    }
    std::stable_sort(queue.files.begin(), queue.files.end(), is_before);
    if (!queue.files.empty()) {
      inventory_.queues.push_back(std::move(queue));
    }
  }

  // ".2" is before ".10".
  static bool is_before(const SpoolFile& a, const SpoolFile& b) {
    return std::tuple(a.received, a.name.size(), std::string_view(a.name)) <
           std::tuple(b.received, b.name.size(), std::string_view(b.name));
  }

  void add_quarantine(const fs::path& directory, SpoolQueue& queue) {
    const std::vector<fs::path> files = entries(directory);
    for (const fs::path& file : files) {
      const bool has_bytes =
          std::binary_search(files.begin(), files.end(), fs::path(file).replace_extension(".json"));
      if (file.extension() == ".json") {
        add(file, State::kQuarantined, queue);
      } else if (file.extension() == ".reason" && !has_bytes) {
        add(file, State::kUnanswered, queue);
      }
    }
  }

  void add(const fs::path& file, State state, SpoolQueue& queue) {
    struct stat status = {};
    if (lstat(file.c_str(), &status) == 0 && S_ISREG(status.st_mode)) {
      const bool reason = state == State::kQuarantined || state == State::kUnanswered;
      queue.files.push_back(
          {state, file.filename().string(), Spool::received(file),
           state == State::kUnanswered ? 0 : static_cast<std::uintmax_t>(status.st_size),
           reason ? read_reason(file) : std::string()});
    }
  }

  // Its beginning: ours are a line. Neither a link nor a pipe holds one.
  static std::string read_reason(fs::path file) {
    constexpr std::size_t kLongest = 4096;
    file.replace_extension(".reason");
    const UniqueFd fd(open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    struct stat status = {};
    if (!fd || fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
      return {};
    }
    std::array<char, kLongest> text{};
    const ssize_t size = read(fd.get(), text.data(), text.size());
    std::string reason(text.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
    reason.erase(reason.find_last_not_of(" \r\n") + 1);
    return reason;
  }

  Inventory inventory_;
};

}  // namespace

Inventory take_inventory(const fs::path& root) {
  return Taker(root).inventory();
}

}  // namespace ohip
