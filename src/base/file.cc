#include "base/file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace ohip {
namespace fs = std::filesystem;

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
  const std::string why = std::generic_category().message(errno);
  fail(status, "{} {}: {}", call, path.string(), why);
}

UniqueFd open_file(const fs::path& path, int flags, ExitStatus on_error) {
  constexpr mode_t kOwnerOnly = 0600;
  UniqueFd fd(open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, kOwnerOnly));
  if (!fd) {
    fail_errno(on_error, "open", path);
  }
  return fd;
}

std::string read_file(const fs::path& path, ExitStatus on_error) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) {
    fail_errno(on_error, "open", path);
  }
  std::string content;
  std::string piece(std::size_t{64} << 10, '\0');
  ssize_t n = 0;
  while ((n = read(fd.get(), piece.data(), piece.size())) != 0) {
    if (n > 0) {
      content.append(piece, 0, static_cast<std::size_t>(n));
    } else if (errno != EINTR) {
      fail_errno(on_error, "read", path);
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
  const fs::path temporary = path.string() + ".tmp";
  const UniqueFd fd = open_file(temporary, O_WRONLY | O_CREAT | O_TRUNC, on_error);
  if (fchmod(fd.get(), mode) != 0) {
    fail_errno(on_error, "fchmod", temporary);
  }
  write_all(fd.get(), content, temporary, on_error);
  sync_file(fd.get(), temporary, on_error);
  rename_file(temporary, path, on_error);
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
