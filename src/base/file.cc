#include "base/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <utility>

#include "base/clock.h"
#include "base/request_id.h"

namespace ohip {
namespace fs = std::filesystem;

namespace {

using namespace std::chrono_literals;

constexpr Milliseconds kLongestRead = 10s;

// Root could do anything anyway.
bool is_trusted(uid_t owner) {
  return owner == geteuid() || owner == 0;
}

Error of_another_user(const fs::path& path, uid_t owner, ExitStatus on_error) {
  return {on_error,
          fmt::format("{} belongs to user {}, this is user {}", path.string(), owner, geteuid()),
          "run as that user, or choose a place that nobody else has made"};
}

// 0 at the end.
std::size_t read_some(int fd, std::string& piece, SteadyPoint end, const fs::path& path,
                      ExitStatus on_error) {
  while (true) {
    const auto left = std::chrono::ceil<Milliseconds>(end - std::chrono::steady_clock::now());
    pollfd ready = {.fd = fd, .events = POLLIN, .revents = 0};
    if (left <= 0ms || poll(&ready, 1, static_cast<int>(left.count())) == 0) {
      fail(on_error, "read {}: no end within {} s", path.string(), kLongestRead / 1s);
    }
    const ssize_t n = read(fd, piece.data(), piece.size());
    if (n >= 0) {
      return static_cast<std::size_t>(n);
    }
    if (errno != EINTR && errno != EAGAIN) {
      fail_errno(on_error, "read", path);
    }
  }
}

}  // namespace

UniqueFd::~UniqueFd() {
  if (fd_ >= 0) {
    close(fd_);
  }
}

UniqueFd::UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

UniqueFd& UniqueFd::operator=(UniqueFd&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

void fail_errno(ExitStatus status, std::string_view call, const fs::path& path) {
  const int error = errno;
  // A configuration that root wrote and the job's user may not read.
  const std::string hint =
      status == ExitStatus::kConfig && error == EACCES
          ? fmt::format(
                "this is user {}: let it read the file and enter its directory (chgrp, "
                "chmod g+r), or run as who may",
                geteuid())
          : "";
  throw Error(status,
              fmt::format("{} {}: {}", call, path.string(), std::generic_category().message(error)),
              hint);
}

UniqueFd open_file(const fs::path& path, int flags, ExitStatus on_error) {
  constexpr mode_t kOwnerOnly = 0600;
  UniqueFd fd(open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, kOwnerOnly));
  struct stat file = {};
  if (!fd || fstat(fd.get(), &file) != 0) {
    fail_errno(on_error, "open", path);
  }
  if (!S_ISREG(file.st_mode)) {
    fail(on_error, "open {}: not a regular file", path.string());
  }
  // Its directory's owner could do anything with it; root puts files back for the job's user.
  struct stat directory = {};
  const fs::path parent = path.has_parent_path() ? path.parent_path() : ".";
  if (!is_trusted(file.st_uid) &&
      (stat(parent.c_str(), &directory) != 0 || directory.st_uid != file.st_uid)) {
    throw of_another_user(path, file.st_uid, on_error);
  }
  return fd;
}

std::string read_file(const fs::path& path, ExitStatus on_error, std::size_t most) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) {
    fail_errno(on_error, "open", path);
  }
  const SteadyPoint end = std::chrono::steady_clock::now() + kLongestRead;
  std::string content;
  std::string piece(std::size_t{64} << 10, '\0');
  while (const std::size_t n = read_some(fd.get(), piece, end, path, on_error)) {
    content.append(piece, 0, n);
    if (content.size() > most) {
      fail(on_error, "read {}: larger than {} bytes: is this the right file?", path.string(), most);
    }
  }
  return content;
}

bool is_directory(const fs::path& path, ExitStatus on_error) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (status.type() == fs::file_type::none) {
    fail(on_error, "stat {}: {}", path.string(), error.message());
  }
  return fs::is_directory(status);
}

void make_directories(const fs::path& path, ExitStatus on_error) {
  constexpr mode_t kOwnerOnly = 0700;
  if (path.empty() || is_directory(path, on_error)) {
    return;
  }
  make_directories(path.parent_path(), on_error);
  if (mkdir(path.c_str(), kOwnerOnly) == 0) {
    sync_directory(path.has_parent_path() ? path.parent_path() : ".", on_error);
  } else if (errno != EEXIST) {
    fail_errno(on_error, "mkdir", path);
  }
}

void check_own_directory(const fs::path& directory, ExitStatus on_error) {
  struct stat entry = {};
  struct stat target = {};
  if (lstat(directory.c_str(), &entry) != 0 || stat(directory.c_str(), &target) != 0) {
    fail_errno(on_error, "stat", directory);
  }
  for (const struct stat& one : {entry, target}) {
    if (!is_trusted(one.st_uid)) {
      throw of_another_user(directory, one.st_uid, on_error);
    }
  }
  if ((target.st_mode & S_IWOTH) != 0) {
    throw Error(on_error, fmt::format("{} may be written to by everyone", directory.string()),
                "chmod o-w it, or name a directory in it, which is then made");
  }
}

void make_own_directories(const fs::path& root, const fs::path& path, ExitStatus on_error) {
  fs::path directory = fs::absolute(root);
  make_directories(directory, on_error);
  check_own_directory(directory, on_error);
  for (const fs::path& name : path.lexically_relative(fs::path(directory))) {
    directory /= name;
    make_directories(directory, on_error);
    check_own_directory(directory, on_error);
  }
}

void write_all(int fd, std::string_view bytes, const fs::path& path, ExitStatus on_error) {
  while (!bytes.empty()) {
    const ssize_t n = write(fd, bytes.data(), bytes.size());
    if (n >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno != EINTR) {
      fail_errno(on_error, "write", path);
    }
  }
}

void sync_file(int fd, const fs::path& path, ExitStatus on_error) {
  if (fsync(fd) != 0) {
    fail_errno(on_error, "fsync", path);
  }
}

void sync_directory(const fs::path& path, ExitStatus on_error) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) {
    fail_errno(on_error, "open", path);
  }
  sync_file(fd.get(), path, on_error);
}

void rename_file(const fs::path& from, const fs::path& to, ExitStatus on_error) {
  if (rename(from.c_str(), to.c_str()) != 0) {
    fail_errno(on_error, "rename", from);
  }
}

void replace_file(const fs::path& path, std::string_view content, ExitStatus on_error,
                  mode_t mode) {
  const fs::path temporary = fmt::format("{}.{}.tmp", path.string(), make_request_id());
  const UniqueFd fd = open_file(temporary, O_WRONLY | O_CREAT | O_EXCL, on_error);
  try {
    if (fchmod(fd.get(), mode) != 0) {
      fail_errno(on_error, "fchmod", temporary);
    }
    write_all(fd.get(), content, temporary, on_error);
    sync_file(fd.get(), temporary, on_error);
    rename_file(temporary, path, on_error);
  } catch (const Error&) {
    unlink(temporary.c_str());
    throw;
  }
  sync_directory(path.parent_path(), on_error);
}

std::optional<UniqueFd> try_lock(const fs::path& path, ExitStatus on_error) {
  UniqueFd fd = open_file(path, O_RDWR | O_CREAT, on_error);
  if (flock(fd.get(), LOCK_EX | LOCK_NB) == 0) {
    return fd;
  }
  if (errno == EWOULDBLOCK) {
    return std::nullopt;
  }
  fail_errno(on_error, "flock", path);
}

}  // namespace ohip
