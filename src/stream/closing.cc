#include "stream/closing.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>

namespace ohip {
namespace {

using Then = Closing::Then;
using std::chrono::seconds;

constexpr std::string_view kAskSupport =
    "not seen in Oracle's documents: report it, with the log of a run with -v";
constexpr std::string_view kConsumer =
    "another consumer has this application key and chain, or the last one left without a word: "
    "OHIP "
    "locks the stream for some minutes";
constexpr std::string_view kRights =
    "check in OHIP's portal that the application is subscribed to this chain's events, approved, "
    "and that the environment is enabled for streaming";

struct Code {
  int code;
  std::string_view meaning;
  ExitStatus status;
  Then then;
  seconds wait;
  seconds jitter;
  bool backoff;
  std::string_view hint;
};

// Sources: Oracle's "Error messages", RFC 6455 and the library graphql-ws, whose protocol it is.
constexpr std::array kCodes = {
    Code{1000, "OHIP closed the connection", ExitStatus::kUnavailable, Then::kReconnect,
         seconds{10}, seconds{0}, false, ""},
    Code{1001, "OHIP goes away for maintenance", ExitStatus::kUnavailable, Then::kReconnect,
         seconds{10}, seconds{2}, false, ""},
    Code{1002, "OHIP takes what it was sent for an error of protocol", ExitStatus::kSoftware,
         Then::kStop, seconds{10}, seconds{0}, false, kAskSupport},
    Code{1003, "OHIP takes what it was sent for data of a wrong kind", ExitStatus::kSoftware,
         Then::kStop, seconds{10}, seconds{0}, false, kAskSupport},
    Code{1006, "the connection broke", ExitStatus::kUnavailable, Then::kReconnect, seconds{10},
         seconds{2}, false, ""},
    Code{4400, "OHIP refuses the subscription", ExitStatus::kConfig, Then::kStop, seconds{10},
         seconds{0}, false, "check OHIP_CHAIN, and the hotels and the offset of a replay"},
    Code{4401, "OHIP refuses the token or the application key", ExitStatus::kRefused,
         Then::kNewToken, seconds{10}, seconds{0}, false, "check OHIP_APP_KEY: the token was new"},
    Code{4403, "OHIP forbids this chain", ExitStatus::kRefused, Then::kStop, seconds{10},
         seconds{0}, false, kRights},
    Code{4406, "OHIP refuses the sub-protocol", ExitStatus::kSoftware, Then::kStop, seconds{10},
         seconds{0}, false, kAskSupport},
    Code{4409, "OHIP takes this for a second consumer", ExitStatus::kUnavailable, Then::kReconnect,
         seconds{120}, seconds{30}, false, kConsumer},
    Code{4429, "OHIP has seen connection_init twice", ExitStatus::kSoftware, Then::kStop,
         seconds{10}, seconds{0}, false, kAskSupport},
    Code{4504, "a part of OHIP did not answer in time", ExitStatus::kUnavailable, Then::kReconnect,
         seconds{15}, seconds{0}, false, ""},
};

// 4408, 4499, 4500, 1011 … 1013 and whatever else comes.
constexpr Code kOther{0,
                      "OHIP closed the connection",
                      ExitStatus::kUnavailable,
                      Then::kReconnect,
                      seconds{10},
                      seconds{0},
                      true,
                      ""};

std::string with_words(std::string_view meaning, std::string_view words) {
  return words.empty() ? std::string(meaning) : fmt::format("{}: {}", meaning, words);
}

// What came made us close: it will come again until a person has looked at it.
Closing closed_by_us(int code) {
  const std::string_view why = code == 1007   ? "a message that is not UTF-8"
                               : code == 1009 ? "a message of more than 64 MiB"
                                              : "what is no text message of a web socket";
  return {.error = Error(ExitStatus::kUnavailable,
                         fmt::format("OHIP sent {}, so the connection was closed ({})", why, code),
                         "if it stays: skip the event with --from and the offset behind it"),
          .backoff = true};
}

Closing refused(ExitStatus status, Then then, const std::string& message, std::string_view hint) {
  return {.error = Error(status, message, std::string(hint)), .then = then, .backoff = true};
}

}  // namespace

Closing closing_of(int code, std::string_view words, bool by_us) {
  if (by_us && code != 1006 && code != 1000) {
    return closed_by_us(code);
  }
  const auto* const known = std::find_if(kCodes.begin(), kCodes.end(),
                                         [&](const Code& entry) { return entry.code == code; });
  const Code& found = known == kCodes.end() ? kOther : *known;
  return {
      .error = Error(found.status, with_words(fmt::format("{} ({})", found.meaning, code), words),
                     std::string(found.hint)),
      .then = found.then,
      .wait = found.wait,
      .jitter = found.jitter,
      .next_wait = code == 4409 ? seconds{300} : seconds{0},
      .backoff = found.backoff};
}

Closing refusal_of(const Refusal& refusal) {
  const std::string& words = refusal.words;
  if (refusal.untrusted) {
    return refused(ExitStatus::kConfig, Then::kStop,
                   with_words("OHIP's certificate is not trusted", words),
                   "check OHIP_CA_FILE and the host of OHIP_GATEWAY_URL");
  }
  if (refusal.by_proxy) {
    const bool login = refusal.status == 407;
    return refused(
        login ? ExitStatus::kConfig : ExitStatus::kUnavailable,
        login ? Then::kStop : Then::kReconnect,
        with_words(fmt::format("the proxy refuses the connection ({})", refusal.status), words),
        login ? "check the user and password of the proxy" : "");
  }
  const std::string message = with_words(
      refusal.status == 0 ? std::string("no web socket to OHIP")
                          : fmt::format("OHIP refuses the web socket ({})", refusal.status),
      words);
  switch (refusal.status) {
    case 401:
    case 403:
      return refused(ExitStatus::kRefused, Then::kStop, message, kRights);
    case 429: {
      Closing closing = refused(ExitStatus::kUnavailable, Then::kReconnect, message, "");
      closing.wait = std::max(seconds{120}, refusal.retry_after.value_or(seconds{0}));
      closing.backoff = false;
      return closing;
    }
    default:
      break;
  }
  if (refusal.status / 100 == 4 || refusal.status / 100 == 3) {
    return refused(
        ExitStatus::kConfig, Then::kStop, message,
        "check OHIP_APP_KEY, OHIP_GATEWAY_URL and OHIP_STREAM_PATH; and in OHIP's portal "
        "that the application is approved and streaming is enabled");
  }
  Closing closing = refused(ExitStatus::kUnavailable, Then::kReconnect, message, "");
  closing.wait = std::max(closing.wait, refusal.retry_after.value_or(seconds{0}));
  return closing;
}

}  // namespace ohip
