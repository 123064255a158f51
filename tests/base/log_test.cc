#include "base/log.h"

#include <fcntl.h>
#include <rapidjson/document.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string>

#include "base/file.h"
#include "base/secrets.h"
#include "support/catch.h"
#include "support/redirected.h"
#include "support/temporary_directory.h"

using namespace ohip;
using namespace ohip::test;
using namespace std::chrono_literals;

namespace {

std::ptrdiff_t lines(const std::string& text) {
  return std::count(text.begin(), text.end(), '\n');
}

const std::string kForeign = "SASL: \x1b[2J\n<0>panic\xff\u202e";
const std::string kEscaped = "SASL: \\x1b[2J <0>panic\\xff\\u{202e}";

}  // namespace

TEST_CASE("whatever others put into a line, it is one line of plain text") {
  const std::string text = printed([] {
    Log(LogLevel::kInfo).info("said {}", kForeign);
    Log(LogLevel::kInfo).error(Error(ExitStatus::kRefused, kForeign, kForeign, kForeign), kForeign);
  });
  CHECK(text == "ohip-poll: info: said " + kEscaped + "\nohip-poll: error: " + kEscaped + ": " +
                    kEscaped + " (" + kEscaped + ")\nohip-poll: hint: " + kEscaped + "\n");
}

TEST_CASE("no secret is in a line, whoever repeats it") {
  keep_secret("hunter2hunter2");
  const std::string text = printed([] {
    Log(LogLevel::kInfo)
        .error(Error(ExitStatus::kRefused, "said hunter2hunter2", "x hunter2hunter2"));
  });
  CHECK(text.find("hunter2") == std::string::npos);
}

TEST_CASE("in the journal only our own priority begins a line") {
  const TemporaryDirectory directory;
  const UniqueFd file = open_file(directory / "err", O_WRONLY | O_CREAT, ExitStatus::kSpool);
  {
    const Redirected redirected(STDERR_FILENO, file.get());
    struct stat status = {};
    REQUIRE(fstat(STDERR_FILENO, &status) == 0);
    setenv("JOURNAL_STREAM", fmt::format("{}:{}", status.st_dev, status.st_ino).c_str(), 1);
    Log(LogLevel::kInfo).warning("{}", kForeign);
    unsetenv("JOURNAL_STREAM");
  }
  CHECK(read_file(directory / "err", ExitStatus::kSpool) ==
        "<4>ohip-poll: warning: " + kEscaped + "\n");
}

TEST_CASE("a line in JSON is an object whatever it holds") {
  const std::string text = printed([] {
    Log(LogLevel::kInfo, LogFormat::kJson)
        .error(Error(ExitStatus::kRefused, kForeign, kForeign, kForeign), kForeign);
  });
  rapidjson::Document json;
  json.Parse<rapidjson::kParseValidateEncodingFlag>(text.c_str());
  REQUIRE_FALSE(json.HasParseError());
  for (const char* name : {"message", "detail", "hint", "queue"}) {
    CHECK(json[name].GetString() == kEscaped);
  }
  CHECK(lines(text) == 1);
}

TEST_CASE("a line is cut to a readable length") {
  const std::string text =
      printed([] { Log(LogLevel::kInfo).warning("{}", std::string(2'000'000, 'x')); });
  CHECK(text.size() < 2'200);
  CHECK(text.ends_with("x...\n"));
}

TEST_CASE("a reader that does not read is waited for once, and not for long") {
  std::array<int, 2> ends = {};
  REQUIRE(pipe(ends.data()) == 0);
  const UniqueFd reader(ends[0]), writer(ends[1]);
  const Redirected redirected(STDERR_FILENO, writer.get());
  const Log log(LogLevel::kInfo);
  for (int i = 0; i < 200; ++i) {
    log.warning("{}", std::string(1'500, 'x'));
  }
  SUCCEED("came back");
}

TEST_CASE("a stderr that is closed or full ends nothing") {
  const UniqueFd full(open("/dev/full", O_WRONLY | O_CLOEXEC));
  const Redirected redirected(STDERR_FILENO, full.get());
  Log(LogLevel::kInfo).warning("lost");
  SUCCEED("came back");
}
