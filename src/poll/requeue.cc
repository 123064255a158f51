#include "poll/requeue.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <climits>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/print.h"
#include "base/request_id.h"
#include "base/secrets.h"
#include "base/text.h"
#include "event/decoder.h"
#include "event/event_reader.h"
#include "event/json_cursor.h"
#include "poll/queues.h"
#include "spool/inventory.h"

namespace ohip {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr ExitStatus kOnError = ExitStatus::kSpool;
constexpr mode_t kOwnerOnly = 0600;
constexpr const char* kAll = "all";
constexpr Milliseconds kPatience = 10s;  // with whoever reads what is done

// Empty: each event of the answer can become a record.
std::string find_flaw(const std::string& answer) {
  Batch batch;
  batch.body = answer;
  const Decoded decoded = decode(batch, {});
  if (!decoded.damage.empty()) {
    return decoded.damage;
  }
  if (!decoded.rejects.empty()) {
    return decoded.rejects.front().reason;
  }
  return decoded.records.empty() ? "it holds no events" : "";
}

// The event, if the text is one JSON object that looks like one.
std::optional<std::string_view> single_event(std::string_view text) {
  JsonCursor cursor(text);
  EventReader reader;
  const auto value = cursor.value(reader);
  const bool alone = value && value->error == nullptr && cursor.at_end();
  return alone && !reader.text(kId).empty() ? std::optional(value->bytes) : std::nullopt;
}

// The bytes as OHIP would have answered them.
std::string as_answer(std::string bytes) {
  const std::string flaw = find_flaw(bytes);
  if (flaw.empty()) {
    return bytes;
  }
  if (const auto event = single_event(bytes)) {
    std::string answer = fmt::format(R"({{"businessEventData":[{}]}})", *event);
    if (find_flaw(answer).empty()) {
      return answer;
    }
  }
  throw Error(ExitStatus::kQuarantine, fmt::format("it could not be published: {}", flaw),
              "it stays as it is; fix it there and try again, or remove it with its .reason");
}

// What the names of what goes back begin with.
struct Origins {
  TimePoint received;
  std::string request_id;
  std::size_t event = 0;  // 0: a whole answer
};

// "20261123T190705.123456Z-<x-request-id>.1.json". A file to which a person gave another name has
// no request of its own.
Origins origins_of(const SpoolFile& file) {
  const std::string stem = fs::path(file.name).stem().string();
  const std::size_t dash = stem.find('-');
  const std::size_t dot = stem.find('.', dash);
  const bool ours = dash != std::string::npos && parse_basic_utc(stem.substr(0, dash));
  const std::string id = ours ? stem.substr(dash + 1, dot - dash - 1) : "";
  Origins origins{file.received, is_name(id) ? id : make_request_id()};
  if (ours && dot != std::string::npos) {
    std::from_chars(stem.data() + dot + 1, stem.data() + stem.size(), origins.event);
  }
  return origins;
}

std::vector<std::string> names_in(const fs::path& directory) {
  std::vector<std::string> names;
  try {
    for (const auto& entry : fs::directory_iterator(directory)) {
      names.push_back(entry.path().filename().string());
    }
  } catch (const fs::filesystem_error& e) {
    fail(kOnError, "read {}: {}", directory.string(), e.code().message());
  }
  return names;
}

// A queue whose lock is held.
class LockedQueue {
 public:
  LockedQueue(const SpoolQueue& queue, UniqueFd lock)
      : directory_(queue.directory),
        quarantine_(queue.directory / kQuarantine),
        lock_(std::move(lock)) {
    hand_over(lock_.get(), directory_ / kLock);
  }

  // Returns where the file is now; durable.
  fs::path put_back(const SpoolFile& file) const {
    const fs::path from = quarantine_ / file.name;
    make_answer(from);
    const UniqueFd fd = open_plain(from);
    hand_over(fd.get(), from);
    sync_file(fd.get(), from, kOnError);  // whoever changed it may not have
    fs::path to = directory_ / (free_stem(origins_of(file)) + ".json");
    rename_file(from, to, kOnError);
    sync_directory(directory_, kOnError);
    unlink(fs::path(from).replace_extension(".reason").c_str());
    sync_directory(quarantine_, kOnError);
    return to;
  }

 private:
  static void make_answer(const fs::path& path) {
    open_plain(path);
    const std::string bytes = read_file(path, kOnError);
    const std::string answer = as_answer(bytes);
    if (answer != bytes) {
      replace_file(path, answer, kOnError);
    }
  }

  // Neither a link, nor anything that has another name elsewhere: it is about to be given away.
  static UniqueFd open_plain(const fs::path& path) {
    UniqueFd fd = open_file(path, O_RDWR | O_NONBLOCK, kOnError);
    struct stat status = {};
    if (fstat(fd.get(), &status) != 0) {
      fail_errno(kOnError, "fstat", path);
    }
    if (!S_ISREG(status.st_mode) || status.st_nlink != 1) {
      fail(kOnError, "{} is not a plain file with one name", path.string());
    }
    return fd;
  }

  // The mode is the spool's; the owner the directory's, where root works: a file of root's would
  // keep the job out.
  void hand_over(int fd, const fs::path& path) const {
    struct stat directory = {};
    struct stat file = {};
    if (stat(directory_.c_str(), &directory) != 0 || fstat(fd, &file) != 0) {
      fail_errno(kOnError, "stat", path);
    }
    const bool foreign = file.st_uid != directory.st_uid || file.st_gid != directory.st_gid;
    if (geteuid() == 0 && foreign && fchown(fd, directory.st_uid, directory.st_gid) != 0) {
      fail_errno(kOnError, "fchown", path);
    }
    if ((file.st_mode & ALLPERMS) != kOwnerOnly && fchmod(fd, kOwnerOnly) != 0) {
      fail_errno(kOnError, "fchmod", path);
    }
  }

  // No file in the directory or in the quarantine has that name, with any ending: a batch may put
  // some there. The events of an answer keep their order.
  std::string free_stem(const Origins& origins) const {
    std::vector<std::string> names = names_in(directory_);
    const std::vector<std::string> aside = names_in(quarantine_);
    names.insert(names.end(), aside.begin(), aside.end());
    for (TimePoint time =
             origins.received + std::chrono::microseconds(std::max<std::size_t>(origins.event, 1));
         ; time += 1us) {
      std::string stem = fmt::format("{}-{}", basic_utc(time), origins.request_id);
      if (std::none_of(names.begin(), names.end(),
                       [&](const std::string& name) { return name.starts_with(stem + '.'); })) {
        return stem;
      }
    }
  }

  fs::path directory_;
  fs::path quarantine_;
  UniqueFd lock_;
};

class Requeue {
 public:
  Requeue(const Config& config, Clock& clock, const Stop& stop, const Log& log)
      : config_(config), clock_(clock), stop_(stop), log_(log), deadline_(clock, config.deadline) {}

  ExitStatus run() {
    Inventory inventory = inventory_of(config_);
    for (const Error& error : inventory.unreadable) {
      tell(error);
    }
    choose(inventory);
    for (const SpoolQueue& queue : inventory.queues) {
      if (!queue.files.empty()) {
        put_back(queue);
      }
    }
    say("{} put back into the spool {}{}", plural(done_, "file", "files"), shown(config_.spool_dir),
        done_ == 0 ? "" : ": published by the next run, or by ohip-poll --replay");
    return status_;
  }

 private:
  static std::string shown(const fs::path& path) { return masked(path.string(), PATH_MAX); }

  template <typename... Args>
  void say(fmt::format_string<Args...> format, Args&&... args) const {
    if (config_.log_level != LogLevel::kError) {
      static_cast<void>(
          print(STDOUT_FILENO, fmt::format(format, std::forward<Args>(args)...) + '\n', kPatience));
    }
  }

  void tell(const Error& error, std::string_view subject = {}) {
    log_.error(error, subject);
    status_ = more_serious(status_, error.status());
  }

  // Leaves what is to be put back.
  void choose(Inventory& inventory) const {
    std::map<std::string, std::size_t> found;
    for (const std::string& wanted : config_.requeue) {
      found[wanted] = 0;
    }
    for (SpoolQueue& queue : inventory.queues) {
      std::erase_if(queue.files, [&](const SpoolFile& file) {
        bool chosen = false;
        for (auto& [wanted, files] : found) {
          if (file.state == SpoolFile::State::kQuarantined && is_meant(wanted, queue, file)) {
            ++files;
            chosen = true;
          }
        }
        return !chosen;
      });
    }
    for (const auto& [wanted, files] : found) {
      if (wanted != kAll && files != 1) {
        throw Error(ExitStatus::kUsage,
                    fmt::format("--requeue {}: {} in a quarantine of the spool {}", shown(wanted),
                                files == 0 ? "no such file" : "more than one such file",
                                shown(config_.spool_dir)),
                    "ohip-poll --list shows what is there; --spool-dir names another spool");
      }
    }
  }

  // A name alone is looked for in each queue.
  static bool is_meant(const std::string& wanted, const SpoolQueue& queue, const SpoolFile& file) {
    if (wanted == kAll || wanted == file.name) {
      return true;
    }
    const fs::path name = wanted;
    std::error_code error;
    return name.filename() == file.name && name.has_parent_path() &&
           fs::equivalent(name.parent_path(), queue.directory / kQuarantine, error) && !error;
  }

  void put_back(const SpoolQueue& queue) {
    try {
      const LockedQueue locked(queue, lock(queue));
      for (const SpoolFile& file : queue.files) {
        put_back(locked, queue, file);
      }
    } catch (const Error& error) {
      tell(error, queue.queue.label());
    }
  }

  void put_back(const LockedQueue& locked, const SpoolQueue& queue, const SpoolFile& file) {
    const std::string path = shown(queue.directory / kQuarantine / file.name);
    try {
      const fs::path now = locked.put_back(file);
      ++done_;
      say("{} is now {}{}", path, shown(now),
          file.reason.empty()
              ? ""
              : fmt::format("; it was quarantined because: {}", masked(file.reason)));
    } catch (const Error& error) {
      tell(Error(error.status(), fmt::format("{}: {}", path, error.what()),
                 error.hint().empty() ? "do it as root, or as the user that the job runs as"
                                      : error.hint()),
           queue.queue.label());
    }
  }

  // A run holds a queue for a minute at most, as a rule.
  UniqueFd lock(const SpoolQueue& queue) const {
    constexpr Milliseconds kAgain = 50ms;
    for (bool told = false;; told = true) {
      if (std::optional<UniqueFd> lock = try_lock(queue.directory / kLock, kOnError)) {
        return std::move(*lock);
      }
      if (stop_.requested() || deadline_.left() == Milliseconds::zero()) {
        throw Error(ExitStatus::kPending, "a run holds the queue: its quarantine stays as it is",
                    "try again, or give it more time with --deadline");
      }
      if (!told) {
        log_.notice("{}: a run holds the queue; waiting for its end", queue.queue.label());
      }
      clock_.sleep(kAgain);
    }
  }

  const Config& config_;
  Clock& clock_;
  const Stop& stop_;
  const Log& log_;
  Deadline deadline_;
  std::size_t done_ = 0;
  ExitStatus status_ = ExitStatus::kOk;
};

}  // namespace

ExitStatus requeue(const Config& config, Clock& clock, const Stop& stop, const Log& log) {
  return Requeue(config, clock, stop, log).run();
}

}  // namespace ohip
