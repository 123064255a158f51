#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <string>

#include "support/catch.h"
#include "support/temporary_directory.h"

namespace fs = std::filesystem;
using namespace ohip;
using namespace ohip::test;

namespace {

constexpr ExitStatus kOnError = ExitStatus::kSpool;
constexpr uid_t kSomebody = 54'321;

template <typename Work>
std::string refusal(Work work) {
  try {
    work();
  } catch (const Error& error) {
    CHECK(error.status() == kOnError);
    return std::string(error.what()) + "\n" + error.hint();
  }
  return "";
}

bool contains(const std::string& text, const std::string& part) {
  UNSCOPED_INFO("text: " << text);
  return text.find(part) != std::string::npos;
}

bool is_root() {
  if (geteuid() != 0) {
    WARN("not tried: giving a file away needs root");
  }
  return geteuid() == 0;
}

struct Fixture {
  std::string make() const {
    return refusal([&] { make_own_directories(spool, spool / "host" / "hotel", kOnError); });
  }
  mode_t mode(const fs::path& path) const {
    struct stat status = {};
    REQUIRE(stat(path.c_str(), &status) == 0);
    return status.st_mode & 07777;
  }

  TemporaryDirectory directory;
  fs::path spool = directory / "spool";
};

}  // namespace

TEST_CASE_METHOD(Fixture, "directories that are not there are made for their owner alone") {
  CHECK(make().empty());
  CHECK(mode(spool) == 0700);
  CHECK(mode(spool / "host" / "hotel") == 0700);
  CHECK(make().empty());
}

TEST_CASE_METHOD(Fixture, "a directory that another user made is not taken") {
  const bool below = GENERATE(false, true);
  if (is_root()) {
    const fs::path theirs = below ? spool / "host" : spool;
    fs::create_directories(theirs);
    REQUIRE(chown(theirs.c_str(), kSomebody, kSomebody) == 0);
    CHECK(contains(make(), theirs.string() + " belongs to user 54321, this is user 0"));
    CHECK_FALSE(fs::exists(spool / "host" / "hotel"));
  }
}

TEST_CASE_METHOD(Fixture, "a link to a directory is taken only from who is trusted") {
  const fs::path real = directory / "real";
  fs::create_directory(real);
  fs::permissions(real, fs::perms::owner_all);
  fs::create_directory_symlink(real, spool);
  CHECK(make().empty());  // as systemd's DynamicUser= has it
  CHECK(fs::exists(real / "host" / "hotel"));
  if (is_root()) {
    REQUIRE(lchown(spool.c_str(), kSomebody, kSomebody) == 0);
    CHECK(contains(make(), "belongs to user 54321"));
    REQUIRE(lchown(spool.c_str(), 0, 0) == 0);
    REQUIRE(chown(real.c_str(), kSomebody, kSomebody) == 0);
    CHECK(contains(make(), "belongs to user 54321"));
  }
}

TEST_CASE_METHOD(Fixture, "a directory that everyone may write to is not taken") {
  fs::create_directory(spool);
  REQUIRE(chmod(spool.c_str(), GENERATE(0777U, 02777U, 01777U, 0702U)) == 0);
  CHECK(contains(make(), "may be written to by everyone"));
  spool /= "below";  // the way out: one of our own in it
  CHECK(make().empty());
}

TEST_CASE_METHOD(Fixture, "a volume that Kubernetes lends to a group is taken") {
  fs::create_directory(spool);
  REQUIRE(chmod(spool.c_str(), GENERATE(02775U, 02770U, 0755U, 0700U)) == 0);
  CHECK(make().empty());
  fs::permissions(spool / "host", fs::perms::group_all, fs::perm_options::add);  // fsGroup does
  CHECK(make().empty());
}

TEST_CASE_METHOD(Fixture, "nothing but a regular file of ours is opened") {
  const fs::path file = directory / "file";
  const auto open = [&] { open_file(file, O_RDWR | O_CREAT, kOnError); };
  SECTION("a link") {
    std::ofstream(directory / "other") << "x";
    fs::create_symlink(directory / "other", file);
    CHECK(contains(refusal(open), "Too many levels of symbolic links"));
  }
  SECTION("a FIFO, also without its other end") {
    REQUIRE(mkfifo(file.c_str(), 0600) == 0);
    CHECK(contains(refusal(open), "not a regular file"));
    CHECK(contains(refusal([&] { open_file(file, O_RDONLY, kOnError); }), "not a regular file"));
  }
  SECTION("a device") {
    CHECK(
        contains(refusal([] { open_file("/dev/null", O_RDWR, kOnError); }), "not a regular file"));
  }
  SECTION("another user's") {
    if (is_root()) {
      std::ofstream(file) << "forged";
      REQUIRE(chown(file.c_str(), kSomebody, kSomebody) == 0);
      CHECK(contains(refusal(open), "belongs to user 54321"));
    }
  }
}

TEST_CASE_METHOD(Fixture, "a file is replaced under no name that somebody else could have made") {
  const fs::path file = directory / "file";
  std::ofstream(directory / "theirs") << "theirs";
  fs::create_symlink(directory / "theirs", directory / "file.tmp");
  replace_file(file, "old", kOnError);
  replace_file(file, "new", kOnError);
  CHECK(read_file(file, kOnError) == "new");
  CHECK(read_file(directory / "theirs", kOnError) == "theirs");
  CHECK(fs::is_symlink(directory / "file.tmp"));
}

TEST_CASE_METHOD(Fixture, "where a file cannot be replaced nothing is left") {
  const fs::path file = directory / "file";
  fs::create_directories(file / "full");
  CHECK(contains(refusal([&] { replace_file(file, "x", kOnError); }), "rename"));
  CHECK(std::distance(fs::directory_iterator(directory.path()), {}) == 1);
}
