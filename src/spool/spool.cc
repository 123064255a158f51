#include "spool/spool.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <system_error>
#include <utility>

namespace ohip {
namespace fs = std::filesystem;
namespace {

constexpr ExitStatus kOnError = ExitStatus::kSpool;

constexpr std::string_view kReserved = ".reserved";
constexpr std::string_view kPart = ".part";
constexpr std::string_view kWhole = ".json";
constexpr std::string_view kLimit = ".limit-";
constexpr const char* kDoubt = "doubt";
constexpr const char* kUnserved = "unserved";
constexpr const char* kClaimed = "gateway";

// The doublings from a millisecond to a day, --interval's bounds, and some.
constexpr int kMostTimesEmpty = 30;

// Oracle: up to 20 events "with a payload size up to 10 MB".
constexpr off_t kRoom = off_t{10} << 20;

// A file's name without what tells how it is with its answer: the same from reserving it to
// quarantine, but for the time.
std::string stem_of(const fs::path& file) {
  const std::string name = file.stem().string();
  return name.substr(0, name.rfind(kLimit));
}

std::string limited(std::string_view extension, std::size_t limit) {
  return fmt::format("{}{}{}", kLimit, limit, extension);
}

// What OHIP had been asked for; the most that it gives where the name does not say.
std::size_t asked_for(const fs::path& file) {
  const std::string name = file.stem().string();
  const std::size_t place = name.rfind(kLimit);
  std::size_t limit = 0;
  if (place != std::string::npos) {
    std::from_chars(name.data() + place + kLimit.size(), name.data() + name.size(), limit);
  }
  return limit >= 1 && limit <= kMostEvents ? limit : kMostEvents;
}

bool is_batch(const fs::path& file) {
  return file.extension() == kPart || file.extension() == kWhole;
}

std::vector<fs::path> list(const fs::path& directory) {
  try {
    std::vector<fs::path> entries;
    for (const auto& entry : fs::directory_iterator(directory)) {
      entries.push_back(entry.path());
    }
    std::sort(entries.begin(), entries.end());
    return entries;
  } catch (const fs::filesystem_error& e) {
    fail(kOnError, "read {}: {}", directory.string(), e.code().message());
  }
}

// What cannot be read is not there.
std::vector<fs::path> list_readable(const fs::path& directory) {
  std::vector<fs::path> entries;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error); !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    entries.push_back(entry->path());
  }
  return entries;
}

// Those that escape_name() could have made; a file system's lost+found is none.
bool is_ours(const fs::path& directory) {
  const std::string name = directory.filename().string();
  return name == kChainQueue || name == escape_name(unescape_name(name));
}

// What cannot be read, and so holds nothing that this user could publish, is passed over.
std::vector<fs::path> list_queues(const fs::path& directory) {
  std::vector<fs::path> directories;
  for (const fs::path& entry : list_readable(directory)) {
    std::error_code error;
    if (is_ours(entry) && fs::is_directory(entry, error)) {
      directories.push_back(entry);
    }
  }
  std::sort(directories.begin(), directories.end());
  return directories;
}

void remove_file(const fs::path& path) {
  if (unlink(path.c_str()) != 0 && errno != ENOENT) {
    fail_errno(kOnError, "unlink", path);
  }
}

// Blocks beyond the file's end: they are there when the answer comes, the size still says how much
// of it did.
void make_room(int fd, const fs::path& path) {
  rlimit largest = {};  // of a file; says nothing about blocks beyond its end
  if (getrlimit(RLIMIT_FSIZE, &largest) == 0 && largest.rlim_cur < static_cast<rlim_t>(kRoom)) {
    errno = EFBIG;
    fail_errno(kOnError, "reserve", path);
  }
  if (fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, kRoom) == 0) {
    return;
  }
  if (errno != EOPNOTSUPP) {
    fail_errno(kOnError, "fallocate", path);
  }
  struct statvfs file_system = {};
  if (fstatvfs(fd, &file_system) != 0) {
    fail_errno(kOnError, "statvfs", path);
  }
  if (file_system.f_bavail * file_system.f_frsize < static_cast<fsblkcnt_t>(kRoom)) {
    errno = ENOSPC;
    fail_errno(kOnError, "reserve", path);
  }
}

// A file that a person left there, with bytes that may be nowhere else.
bool holds_other(const fs::path& file, std::string_view bytes) {
  std::error_code error;
  const fs::file_status status = fs::symlink_status(file, error);
  return fs::exists(status) && (!fs::is_regular_file(status) || read_file(file, kOnError) != bytes);
}

// Behind what was said before of the same bytes, or of those that a person took away.
void add_reason(const fs::path& file, std::string_view reason) {
  std::error_code error;
  std::string all = fs::is_regular_file(fs::symlink_status(file, error)) ? read_file(file, kOnError)
                                                                         : std::string();
  if (all.find(reason) == std::string::npos) {
    replace_file(file, all.append(reason), kOnError);
  }
}

// Gives the room beyond the file's end back and makes its content durable.
void seal(int fd, std::size_t size, const fs::path& path) {
  if (ftruncate(fd, static_cast<off_t>(size)) != 0) {
    fail_errno(kOnError, "ftruncate", path);
  }
  sync_file(fd, path, kOnError);
}

void touch(int fd, TimePoint time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  const timespec point = {
      .tv_sec = seconds.time_since_epoch().count(),
      .tv_nsec = std::chrono::nanoseconds(time - seconds).count(),
  };
  const std::array both = {point, point};
  futimens(fd, both.data());
}

TimePoint modified(const struct stat& status) {
  return TimePoint(std::chrono::seconds(status.st_mtim.tv_sec) +
                   std::chrono::duration_cast<std::chrono::microseconds>(
                       std::chrono::nanoseconds(status.st_mtim.tv_nsec)));
}

// The epoch where there is no such file.
TimePoint modified(const fs::path& file) {
  struct stat status = {};
  stat(file.c_str(), &status);
  return modified(status);
}

// A number, and nothing else, or it is none of ours.
int read_times_empty(int fd) {
  std::array<char, 4> text = {};
  const ssize_t size = pread(fd, text.data(), text.size(), 0);
  int times = 0;
  const char* const end = text.data() + std::max<ssize_t>(size, 0);
  const auto [rest, error] = std::from_chars(text.data(), end, times);
  const bool ours = error == std::errc() && rest == end && times >= 0 && times <= kMostTimesEmpty;
  return ours ? times : 0;
}

int read_times_empty(const fs::path& lock) {
  try {
    return read_times_empty(open_file(lock, O_RDONLY, kOnError).get());
  } catch (const Error&) {
    return 0;
  }
}

// The host's directory is that of a gateway whose name is its host: no other takes it for one of
// version 0.1.0.
void claim(const fs::path& host) {
  std::error_code error;
  if (!fs::exists(host / kClaimed, error)) {
    open_file(host / kClaimed, O_WRONLY | O_CREAT, kOnError);
    sync_directory(host, kOnError);
  }
}

// Whether another gateway of that host has a directory here.
bool is_shared(const fs::path& root, const QueueName& earlier, const QueueName& ours) {
  const std::vector<fs::path> gateways = list_queues(root);
  return std::any_of(gateways.begin(), gateways.end(), [&](const fs::path& directory) {
    const QueueName other = {unescape_name(directory.filename().string()), {}, {}};
    const auto host = other.earlier();
    return other.gateway != ours.gateway && host && host->gateway == earlier.gateway;
  });
}

// What is there, but for the lock and what is there already; an empty directory goes. Durable on
// return, and after a kill at any moment each file is in one of the two.
void move_all(const fs::path& from, const fs::path& to) {
  for (const fs::path& file : list_readable(from)) {
    const bool moves = fs::is_regular_file(fs::symlink_status(file)) && file.filename() != kLock;
    if (moves && !fs::exists(fs::symlink_status(to / file.filename()))) {
      rename_file(file, to / file.filename(), kOnError);
    }
  }
  sync_directory(to, kOnError);
  std::error_code error;
  if (fs::exists(from, error)) {
    sync_directory(from, kOnError);
    fs::remove(from, error);
  }
}

}  // namespace

Spool::Spool(QueueName queue, fs::path directory, UniqueFd lock)
    : queue_(std::move(queue)),
      directory_(std::move(directory)),
      lock_(std::move(lock)),
      in_doubt_(access((directory_ / kDoubt).c_str(), F_OK) == 0),
      times_empty_(read_times_empty(lock_.get())) {}

std::optional<Spool> Spool::open(const fs::path& root, QueueName queue) {
  fs::path directory = queue.directory(root);
  make_own_directories(root, directory / kQuarantine, kOnError);
  std::optional<UniqueFd> lock = try_lock(directory / kLock, kOnError);
  if (!lock) {
    return std::nullopt;
  }
  Spool spool(std::move(queue), std::move(directory), std::move(*lock));
  return spool.take_over(root) ? std::optional(std::move(spool)) : std::nullopt;
}

// False: a run of that version is at it.
bool Spool::take_over(const fs::path& root) {
  const std::optional<QueueName> earlier = queue_.earlier();
  if (!earlier) {
    claim(directory_.parent_path().parent_path());
    return true;
  }
  const fs::path from = earlier->directory(root);
  const fs::path host = from.parent_path().parent_path();
  std::error_code error;
  if (!fs::exists(from, error) || fs::exists(host / kClaimed, error)) {
    return true;
  }
  const std::optional<UniqueFd> lock = try_lock(from / kLock, kOnError);
  if (!lock) {
    return false;
  }
  if (is_shared(root, *earlier, queue_)) {
    const std::vector<fs::path> files = list(from);
    unclaimed_ = std::any_of(files.begin(), files.end(), is_batch) ? from : fs::path();
    return true;
  }
  move_all(from / kQuarantine, directory_ / kQuarantine);
  move_all(from, directory_);
  unlink((from / kLock).c_str());
  for (fs::path gone = from; gone != host.parent_path() && fs::remove(gone, error);) {
    gone = gone.parent_path();
  }
  return true;
}

std::vector<QueueName> Spool::pending_queues(const fs::path& root) {
  std::vector<QueueName> queues;
  std::error_code error;
  if (!fs::exists(root, error) && !error) {
    return queues;
  }
  list(root);  // must be readable
  for (const fs::path& gateway : list_queues(root)) {
    for (const fs::path& external_system : list_queues(gateway)) {
      for (const fs::path& queue : list_queues(external_system)) {
        const std::vector<fs::path> files = list_readable(queue);
        if (access(queue.c_str(), R_OK | X_OK) != 0 ||
            std::any_of(files.begin(), files.end(), is_batch)) {
          queues.push_back({unescape_name(gateway.filename().string()),
                            unescape_name(external_system.filename().string()),
                            unescape_name(queue.filename().string())});
        }
      }
    }
  }
  return queues;
}

TimePoint Spool::received(const fs::path& file) {
  const std::string stem = file.stem().string();
  return parse_basic_utc(stem.substr(0, stem.find('-'))).value_or(modified(file));
}

Spool::Glance Spool::glance(const fs::path& root, const QueueName& queue) {
  Glance glance;
  const fs::path directory = queue.directory(root);
  for (const fs::path& file : list_readable(directory)) {
    if (is_batch(file)) {
      const TimePoint received = Spool::received(file);
      ++glance.pending;
      glance.oldest_pending = std::min(glance.oldest_pending.value_or(received), received);
    }
  }
  for (const fs::path& file : list_readable(directory / kQuarantine)) {
    glance.in_quarantine += file.extension() == kWhole ? 1U : 0U;
  }
  glance.last_polled = modified(directory / kLock);
  glance.times_empty = read_times_empty(directory / kLock);
  return glance;
}

TimePoint Spool::unserved_since(const fs::path& root, const QueueName& queue, TimePoint now) {
  const fs::path file = queue.directory(root) / kUnserved;
  try {
    const UniqueFd fd = open_file(file, O_WRONLY | O_CREAT, kOnError);
    if (modified(file) > now) {  // the clock was wrong, then or now: it begins anew
      touch(fd.get(), now);
    }
    return std::min(now, modified(file));
  } catch (const Error&) {
    return now;
  }
}

void Spool::end_unserved(const fs::path& root, const QueueName& queue) {
  unlink((queue.directory(root) / kUnserved).c_str());
}

void Spool::begin_doubt() noexcept {
  if (std::exchange(in_doubt_, true)) {
    return;
  }
  try {
    open_file(directory_ / kDoubt, O_WRONLY | O_CREAT, kOnError);
    sync_directory(directory_, kOnError);
  } catch (const std::exception&) {
    // What cannot be written now shows as soon as room is made for the next answer.
  }
}

void Spool::end_doubt() noexcept {
  if (std::exchange(in_doubt_, false)) {
    unlink((directory_ / kDoubt).c_str());
  }
}

Spool::Part Spool::reserve(const std::string& request_id, TimePoint now, std::size_t limit) {
  latest_name_ = std::max(now, latest_name_ + std::chrono::microseconds(1));
  return Part(*this, request_id, latest_name_, limit);
}

void Spool::mark_polled() noexcept {
  futimens(lock_.get(), nullptr);
}

TimePoint Spool::last_polled() const noexcept {
  struct stat status = {};
  fstat(lock_.get(), &status);
  return modified(status);
}

// Killed in between, it begins anew.
void Spool::found_empty() noexcept {
  times_empty_ = std::min(times_empty_ + 1, kMostTimesEmpty);
  std::array<char, 4> text = {};
  const auto* const end = std::to_chars(text.begin(), text.end(), times_empty_).ptr;
  const auto size = static_cast<std::size_t>(end - text.data());
  if (ftruncate(lock_.get(), 0) != 0 || pwrite(lock_.get(), text.data(), size, 0) < 0) {
    return;  // it is then polled sooner
  }
}

void Spool::found_otherwise() noexcept {
  if (std::exchange(times_empty_, 0) != 0 && ftruncate(lock_.get(), 0) != 0) {
    return;  // the longest interval after this poll it is polled all the same
  }
}

std::vector<std::string> Spool::pending() const {
  std::vector<std::string> files;
  for (const fs::path& path : list(directory_)) {
    if (path.extension() == kReserved) {
      remove_file(path);
    } else if (is_batch(path)) {
      files.push_back(path.filename().string());
    }
  }
  return files;
}

Batch Spool::read(const std::string& file) const {
  const fs::path path = directory_ / file;
  const UniqueFd fd = open_file(path, O_RDWR, kOnError);
  std::string body = read_file(path, kOnError);
  if (path.extension() == kPart) {
    seal(fd.get(), body.size(), path);
  }
  const std::string stem = stem_of(path);
  const std::size_t dash = stem.find('-');
  return {.file = file,
          .request_id = dash == std::string::npos ? "" : stem.substr(dash + 1),
          .received = Spool::received(path),
          .body = std::move(body),
          .storage_error = {},
          .whole = path.extension() != kPart,
          .asked_for = asked_for(path)};
}

void Spool::commit(const Batch& batch) const {
  remove_file(directory_ / batch.file);
}

fs::path Spool::quarantine(const Batch& batch, std::string_view reason) const {
  const fs::path from = directory_ / batch.file;
  fs::path to = quarantine_path(stem_of(from) + std::string(kWhole));
  for (TimePoint time = batch.received; holds_other(to, batch.body);) {
    time += std::chrono::microseconds(1);
    to = quarantine_path(fmt::format("{}-{}{}", basic_utc(time), batch.request_id, kWhole));
  }
  fs::path why = fs::path(to).replace_extension(".reason");
  add_reason(why, reason);
  if (batch.body.empty()) {
    remove_file(from);
    return why;
  }
  if (batch.storage_error.empty()) {
    rename_file(from, to, kOnError);
    sync_directory(to.parent_path(), kOnError);
    sync_directory(directory_, kOnError);
  } else {
    replace_file(to, batch.body, kOnError);
    remove_file(from);
  }
  return to;
}

fs::path Spool::quarantine_event(const Batch& batch, std::size_t number, std::string_view event,
                                 std::string_view reason) const {
  const std::string stem = stem_of(batch.file);
  fs::path to = quarantine_path(fmt::format("{}.{}.json", stem, number));
  while (holds_other(to, event)) {
    to = quarantine_path(fmt::format("{}.{}.json", stem, ++number));
  }
  add_reason(fs::path(to).replace_extension(".reason"), reason);
  replace_file(to, event, kOnError);
  return to;
}

fs::path Spool::quarantine_path(const std::string& name) const {
  return directory_ / kQuarantine / name;
}

Spool::Part::Part(Spool& spool, std::string request_id, TimePoint now, std::size_t limit)
    : spool_(&spool),
      stem_(basic_utc(now) + "-" + request_id),
      extension_(limited(kReserved, limit)),
      request_id_(std::move(request_id)),
      limit_(limit),
      fd_(open_file(path(), O_WRONLY | O_CREAT | O_EXCL, kOnError)) {
  try {
    make_room(fd_.get(), path());
  } catch (const Error&) {
    unlink(path().c_str());
    throw;
  }
}

Spool::Part::~Part() {
  if (fd_ && (discarded_ || extension_.ends_with(kReserved))) {
    unlink(path().c_str());
  }
}

fs::path Spool::Part::path() const {
  return spool_->directory_ / (stem_ + extension_);
}

void Spool::Part::rename(const std::string& stem, const std::string& extension) {
  rename_file(path(), spool_->directory_ / (stem + extension), kOnError);
  stem_ = stem;
  extension_ = extension;
}

bool Spool::Part::asked() noexcept {
  try {
    rename(stem_, limited(kPart, limit_));
    sync_directory(spool_->directory_, kOnError);
    return true;
  } catch (const std::exception& e) {
    error_ = e.what();
    discarded_ = true;  // OHIP will not be asked
    return false;
  }
}

void Spool::Part::write(std::string_view bytes) noexcept {
  if (!error_.empty()) {
    return;
  }
  try {
    write_all(fd_.get(), bytes, path(), kOnError);
    size_ += bytes.size();
  } catch (const std::exception& e) {
    error_ = e.what();
  }
}

Batch Spool::Part::keep(std::string body, TimePoint received, bool whole) {
  if (error_.empty()) {
    try {
      seal(fd_.get(), size_, path());
      received = spool_->latest_name_ = std::max(received, spool_->latest_name_);
      rename(basic_utc(received) + "-" + request_id_,
             whole ? std::string(kWhole) : limited(kPart, limit_));
      sync_directory(spool_->directory_, kOnError);
    } catch (const Error& e) {
      error_ = e.what();
    }
  }
  fd_ = UniqueFd();
  return {.file = path().filename().string(),
          .request_id = request_id_,
          .received = received,
          .body = std::move(body),
          .storage_error = error_,
          .whole = whole,
          .asked_for = limit_};
}

fs::path Spool::Part::lost(std::string_view reason, std::string_view instead) noexcept {
  spool_->begin_doubt();
  try {
    if (!instead.empty()) {
      replace_file(spool_->quarantine_path(stem_ + std::string(kWhole)), instead, kOnError);
    }
    fs::path to = spool_->quarantine_path(stem_ + ".reason");
    replace_file(to, reason, kOnError);
    discarded_ = true;
    return to;
  } catch (const std::exception&) {
    return path();
  }
}

}  // namespace ohip
