#pragma once

#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include "base/error.h"

namespace ohip {

// Owns a file descriptor.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  ~UniqueFd();
  UniqueFd(UniqueFd&& other) noexcept;
  UniqueFd& operator=(UniqueFd&& other) noexcept;
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// All of these throw Error with the given status; the message names the call, the path and the
// system's reason.
[[noreturn]] void fail_errno(ExitStatus status, std::string_view call,
                             const std::filesystem::path& path);

// open(2) of what is a regular file of this user's, root's or its directory's owner's: never
// through a symbolic link at the path's end, and never waiting, as a FIFO's other end would have
// it. A file it creates has mode 0600.
UniqueFd open_file(const std::filesystem::path& path, int flags, ExitStatus on_error);

inline constexpr std::size_t kLargestFile = std::size_t{64} << 20;

// The whole content of what a person named: a link, a FIFO or /dev/fd/N will do. More bytes than
// the most, or 10 seconds without an end, are an error.
std::string read_file(const std::filesystem::path& path, ExitStatus on_error,
                      std::size_t most = kLargestFile);

// Not that it cannot be told.
bool is_directory(const std::filesystem::path& path, ExitStatus on_error);

// Creates the directory and its missing parents with mode 0700; durable on return.
void make_directories(const std::filesystem::path& path, ExitStatus on_error);

// Throws Error for a directory in which somebody else could put something in our files' place: it
// belongs to this user or to root, and others may not write to it. Its group may, which is how
// Kubernetes' fsGroup lends a volume. A link to it must belong to this user or to root, too, as
// that of systemd's DynamicUser= does.
void check_own_directory(const std::filesystem::path& directory, ExitStatus on_error);

// As make_directories(), where path is root or below it; each from root on is then checked.
void make_own_directories(const std::filesystem::path& root, const std::filesystem::path& path,
                          ExitStatus on_error);

void write_all(int fd, std::string_view bytes, const std::filesystem::path& path,
               ExitStatus on_error);
void sync_file(int fd, const std::filesystem::path& path, ExitStatus on_error);
// Also where the path is a link to it, as a state directory of systemd's DynamicUser= is.
void sync_directory(const std::filesystem::path& path, ExitStatus on_error);
void rename_file(const std::filesystem::path& from, const std::filesystem::path& to,
                 ExitStatus on_error);

// The file holds either its old content or all of the new one, at any moment; durable on return.
// The new one comes into being under a name that nobody can know before.
void replace_file(const std::filesystem::path& path, std::string_view content, ExitStatus on_error,
                  mode_t mode = 0600);

// A lock that ends with the process that holds it (flock); nothing while another holds it.
std::optional<UniqueFd> try_lock(const std::filesystem::path& path, ExitStatus on_error);

}  // namespace ohip
