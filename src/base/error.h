#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace ohip {

// What the scheduler hears; the values are those of sysexits(3).
enum class ExitStatus {
  kOk = 0,             // everything taken was delivered, or there was nothing to take
  kUsage = 64,         // the command line is wrong
  kQuarantine = 65,    // an event or a batch was put aside, all the rest was delivered
  kUnavailable = 69,   // OHIP or Kafka could not be reached, nothing was taken
  kSoftware = 70,      // a bug
  kSpool = 74,         // the spool cannot be written, nothing was taken
  kPending = 75,       // taken and safe in the spool, not yet delivered
  kPossibleLoss = 76,  // OHIP was asked and its answer did not arrive whole
  kRefused = 77,       // credentials refused
  kConfig = 78,        // the configuration is wrong, also where only a server's answer shows it
};

// Of two statuses the one a person must hear of first.
ExitStatus more_serious(ExitStatus a, ExitStatus b);

// Ends the work on one queue, or the whole run when thrown outside of one. The message says what
// and why, the hint what to do; neither ever holds a secret or guest data.
class Error : public std::runtime_error {
 public:
  Error(ExitStatus status, const std::string& message, std::string hint = {},
        std::string detail = {})
      : std::runtime_error(message),
        status_(status),
        hint_(std::move(hint)),
        detail_(std::move(detail)) {}

  ExitStatus status() const { return status_; }
  const std::string& hint() const { return hint_; }
  // What tells this one from others of its kind, such as the x-request-id.
  const std::string& detail() const { return detail_; }

 private:
  ExitStatus status_;
  std::string hint_;
  std::string detail_;
};

// What is being caught, whatever it is; an internal error where it is none of ours.
Error current_error();

// "1 batch", "3 batches".
std::string plural(std::size_t count, std::string_view one, std::string_view many);

template <typename... Args>
[[noreturn]] void fail(ExitStatus status, fmt::format_string<Args...> format, Args&&... args) {
  throw Error(status, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace ohip
