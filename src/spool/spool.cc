#include "spool/spool.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

namespace ohip {
namespace fs = std::filesystem;
namespace {

constexpr ExitStatus kOnError = ExitStatus::kSpool;

constexpr std::string_view kReserved = ".reserved";
constexpr std::string_view kPart = ".part";
constexpr std::string_view kWhole = ".json";
constexpr const char* kUnserved = "unserved";

// Oracle: up to 20 events "with a payload size up to 10 MB".
constexpr off_t kRoom = off_t{10} << 20;

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

std::vector<fs::path> list_queues(const fs::path& directory) {
  std::vector<fs::path> directories;
  for (const fs::path& entry : list(directory)) {
    if (is_directory(entry, kOnError) && entry.filename().string().front() != '.') {
      directories.push_back(entry);
    }
  }
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

// Gives the room beyond the file's end back and makes its content durable.
void seal(int fd, std::size_t size, const fs::path& path) {
  if (ftruncate(fd, static_cast<off_t>(size)) != 0) {
    fail_errno(kOnError, "ftruncate", path);
  }
  sync_file(fd, path, kOnError);
}

// The epoch where there is no such file.
TimePoint modified(const fs::path& file) {
  struct stat status = {};
  stat(file.c_str(), &status);
  return TimePoint(std::chrono::seconds(status.st_mtim.tv_sec) +
                   std::chrono::duration_cast<std::chrono::microseconds>(
                       std::chrono::nanoseconds(status.st_mtim.tv_nsec)));
}

}  // namespace

Spool::Spool(QueueName queue, fs::path directory, UniqueFd lock)
    : queue_(std::move(queue)), directory_(std::move(directory)), lock_(std::move(lock)) {}

std::optional<Spool> Spool::open(const fs::path& root, QueueName queue) {
  fs::path directory = queue.directory(root);
  make_directories(directory / kQuarantine, kOnError);
  std::optional<UniqueFd> lock = try_lock(directory / kLock, kOnError);
  if (!lock) {
    return std::nullopt;
  }
  return Spool(std::move(queue), std::move(directory), std::move(*lock));
}

std::vector<QueueName> Spool::pending_queues(const fs::path& root) {
  std::vector<QueueName> queues;
  std::error_code error;
  if (!fs::exists(root, error) && !error) {
    return queues;
  }
  for (const fs::path& host : list_queues(root)) {
    for (const fs::path& external_system : list_queues(host)) {
      for (const fs::path& queue : list_queues(external_system)) {
        const std::vector<fs::path> files = list(queue);
        if (std::any_of(files.begin(), files.end(), is_batch)) {
          queues.push_back({unescape_name(host.filename().string()),
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
  return glance;
}

TimePoint Spool::unserved_since(const fs::path& root, const QueueName& queue, TimePoint now) {
  const fs::path file = queue.directory(root) / kUnserved;
  try {
    open_file(file, O_WRONLY | O_CREAT, kOnError);
    return std::min(now, modified(file));
  } catch (const Error&) {
    return now;
  }
}

void Spool::end_unserved(const fs::path& root, const QueueName& queue) {
  unlink((queue.directory(root) / kUnserved).c_str());
}

Spool::Part Spool::reserve(const std::string& request_id, TimePoint now) {
  latest_name_ = std::max(now, latest_name_ + std::chrono::microseconds(1));
  return Part(*this, request_id, latest_name_);
}

void Spool::mark_polled() noexcept {
  futimens(lock_.get(), nullptr);
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
  const std::string stem = path.stem().string();
  const std::size_t dash = stem.find('-');
  return {.file = file,
          .request_id = dash == std::string::npos ? "" : stem.substr(dash + 1),
          .received = Spool::received(path),
          .body = std::move(body),
          .storage_error = {}};
}

void Spool::commit(const Batch& batch) const {
  remove_file(directory_ / batch.file);
}

fs::path Spool::quarantine(const Batch& batch, std::string_view reason) const {
  const fs::path from = directory_ / batch.file;
  fs::path to = quarantine_path(from.stem().string() + std::string(kWhole));
  fs::path why = fs::path(to).replace_extension(".reason");
  replace_file(why, reason, kOnError);
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
  const std::string stem = fs::path(batch.file).stem().string();
  fs::path to = quarantine_path(fmt::format("{}.{}.json", stem, number));
  replace_file(fs::path(to).replace_extension(".reason"), reason, kOnError);
  replace_file(to, event, kOnError);
  return to;
}

fs::path Spool::quarantine_path(const std::string& name) const {
  return directory_ / kQuarantine / name;
}

Spool::Part::Part(Spool& spool, std::string request_id, TimePoint now)
    : spool_(&spool),
      stem_(basic_utc(now) + "-" + request_id),
      extension_(kReserved),
      request_id_(std::move(request_id)),
      fd_(open_file(path(), O_WRONLY | O_CREAT | O_EXCL, kOnError)) {
  try {
    make_room(fd_.get(), path());
  } catch (const Error&) {
    unlink(path().c_str());
    throw;
  }
}

Spool::Part::~Part() {
  if (fd_ && (discarded_ || extension_ == kReserved)) {
    unlink(path().c_str());
  }
}

fs::path Spool::Part::path() const {
  return spool_->directory_ / (stem_ + std::string(extension_));
}

void Spool::Part::rename(const std::string& stem, std::string_view extension) {
  rename_file(path(), spool_->directory_ / (stem + std::string(extension)), kOnError);
  stem_ = stem;
  extension_ = extension;
}

bool Spool::Part::asked() noexcept {
  try {
    rename(stem_, kPart);
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

Batch Spool::Part::keep(std::string body, TimePoint received) {
  if (error_.empty()) {
    try {
      seal(fd_.get(), size_, path());
      received = spool_->latest_name_ = std::max(received, spool_->latest_name_);
      rename(basic_utc(received) + "-" + request_id_, kWhole);
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
          .storage_error = error_};
}

fs::path Spool::Part::lost(std::string_view reason) noexcept {
  try {
    fs::path to = spool_->quarantine_path(stem_ + ".reason");
    replace_file(to, reason, kOnError);
    discarded_ = true;
    return to;
  } catch (const std::exception&) {
    return path();
  }
}

}  // namespace ohip
