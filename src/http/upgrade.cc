#include "http/upgrade.h"

#include <curl/curl.h>
#include <fmt/format.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>
#include <optional>
#include <utility>

#include "base/digest.h"
#include "base/error.h"
#include "base/handle.h"
#include "base/text.h"

namespace ohip {
namespace {

constexpr std::chrono::seconds kMaxRetryAfter{86'400};
constexpr std::string_view kEndOfHead = "\r\n\r\n";

std::string random_key() {
  std::array<unsigned char, 16> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) {
    fail(ExitStatus::kSoftware, "OpenSSL has no random bytes");
  }
  return base64(std::string(bytes.begin(), bytes.end()));
}

using Url = Handle<CURLU, curl_url_cleanup>;

// Empty when absent.
std::string part(const Url& url, CURLUPart which) {
  char* text = nullptr;
  if (curl_url_get(url.get(), which, &text, 0) != CURLUE_OK) {
    return {};
  }
  return Handle<char, curl_free>(text).get();
}

std::string after(const std::string& text, std::string_view mark) {
  return text.empty() ? text : std::string(mark) + text;
}

// The value of a header in a head; nothing when it is absent. twice: it stands there more than
// once.
struct Header {
  std::optional<std::string> value;
  bool twice = false;
};

Header find_header(std::string_view head, std::string_view name) {
  Header found;
  while (!head.empty()) {
    const std::string_view line = head.substr(0, head.find("\r\n"));
    head.remove_prefix(std::min(line.size() + 2, head.size()));
    const std::size_t colon = line.find(':');
    if (colon != std::string_view::npos && lower_case(std::string(line.substr(0, colon))) == name) {
      found.twice = found.value.has_value();
      found.value = trimmed(line.substr(colon + 1));
    }
  }
  return found;
}

// Whether a comma list holds the word, in whatever case.
bool lists(const Header& header, std::string_view word) {
  std::string_view list = header.value ? std::string_view(*header.value) : std::string_view();
  while (!list.empty()) {
    const std::string_view entry = list.substr(0, list.find(','));
    list.remove_prefix(std::min(entry.size() + 1, list.size()));
    if (lower_case(std::string(trimmed(entry))) == word) {
      return true;
    }
  }
  return false;
}

template <typename Number>
std::optional<Number> number(std::string_view text, int base = 10) {
  Number value{};
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, base);
  return error == std::errc() && stop == end ? std::optional(value) : std::nullopt;
}

// Seconds, or a date.
std::optional<std::chrono::seconds> retry_after(std::string_view head) {
  const Header header = find_header(head, "retry-after");
  if (!header.value) {
    return std::nullopt;
  }
  auto wait = std::chrono::seconds(number<std::uint32_t>(*header.value).value_or(0));
  if (wait.count() == 0) {
    const std::time_t date = curl_getdate(header.value->c_str(), nullptr);
    wait = std::chrono::seconds(date > 0 ? date - std::time(nullptr) : 0);
  }
  return wait.count() > 0 ? std::optional(std::min(wait, kMaxRetryAfter)) : std::nullopt;
}

}  // namespace

UpgradeRequest make_upgrade_request(const std::string& url, const std::string& subprotocol) {
  const Url parsed(curl_url());
  if (!parsed || curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK) {
    fail(ExitStatus::kConfig, "the web socket's URL is none");  // it holds the key's hash
  }
  UpgradeRequest request;
  request.key = random_key();
  request.subprotocol = subprotocol;
  request.bytes = fmt::format(
      "GET {}{} HTTP/1.1\r\n"
      "Host: {}{}\r\n"
      "Upgrade: websocket\r\n"
      "Connection: Upgrade\r\n"
      "Sec-WebSocket-Key: {}\r\n"
      "Sec-WebSocket-Version: 13\r\n"
      "Sec-WebSocket-Protocol: {}\r\n"
      "User-Agent: ohip-poll\r\n\r\n",
      part(parsed, CURLUPART_PATH), after(part(parsed, CURLUPART_QUERY), "?"),
      part(parsed, CURLUPART_HOST), after(part(parsed, CURLUPART_PORT), ":"), request.key,
      subprotocol);
  return request;
}

std::string accept_of(const std::string& key) {
  return base64(sha1(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"));
}

void UpgradeReader::read(std::string_view bytes) {
  buffer_ += bytes;
  while (!done_ && !in_body_) {
    const std::size_t end = buffer_.find(kEndOfHead);
    if (end == std::string::npos ? buffer_.size() > kMaxHead : end > kMaxHead) {
      return finish(Transfer::kTooLarge, "the response's headers are too long");
    }
    if (end == std::string::npos) {
      return;
    }
    const std::string head = buffer_.substr(0, end + 2);
    buffer_.erase(0, end + kEndOfHead.size());
    read_head(head);
  }
  if (!done_) {
    read_body();
  }
}

void UpgradeReader::end(const std::string& why) {
  if (done_) {
    return;
  }
  if (in_body_ && body_ == Body::kUntilEnd) {
    return finish(Transfer::kWhole);
  }
  finish(response_.status == 0 ? Transfer::kNoAnswer : Transfer::kCutOff, why);
}

void UpgradeReader::read_head(std::string_view head) {
  read_status(head.substr(0, head.find("\r\n")));
  if (done_) {
    return;
  }
  if (response_.status == 101) {
    return judge_switch(head);
  }
  if (response_.status / 100 == 1) {
    response_.status = 0;
    return;
  }
  response_.content_type = find_header(head, "content-type").value.value_or("");
  response_.retry_after = retry_after(head);
  prepare_body(head);
}

// HTTP/1.1 429 Too Many Requests
void UpgradeReader::read_status(std::string_view line) {
  constexpr std::size_t kCode = 9;
  const auto status = line.starts_with("HTTP/1.") && line.size() >= kCode + 3 && line[8] == ' '
                          ? number<int>(line.substr(kCode, 3))
                          : std::nullopt;
  if (!status || *status < 100) {
    return finish(Transfer::kNoAnswer, "what answers does not speak HTTP/1.1");
  }
  response_.status = *status;
  response_.reason = trimmed(line.substr(kCode + 3));
}

// Extensions were not asked for.
void UpgradeReader::judge_switch(std::string_view head) {
  const Header accept = find_header(head, "sec-websocket-accept");
  const Header subprotocol = find_header(head, "sec-websocket-protocol");
  std::string fault;
  if (!lists(find_header(head, "upgrade"), "websocket") ||
      !lists(find_header(head, "connection"), "upgrade")) {
    fault = "it switches to something other than a web socket";
  } else if (accept.twice || accept.value != accept_) {
    fault = "its Sec-WebSocket-Accept is not of this request";
  } else if (subprotocol.twice || subprotocol.value != subprotocol_) {
    fault = fmt::format("its sub-protocol is not {}", subprotocol_);
  } else if (find_header(head, "sec-websocket-extensions").value) {
    fault = "it uses extensions that nobody asked for";
  }
  accepted_ = fault.empty();
  finish(Transfer::kWhole, fault);
}

void UpgradeReader::prepare_body(std::string_view head) {
  const std::optional<std::string> length = find_header(head, "content-length").value;
  in_body_ = true;
  body_ = Body::kUntilEnd;
  if (response_.status == 204 || response_.status == 304) {
    body_ = Body::kNone;
  } else if (lists(find_header(head, "transfer-encoding"), "chunked")) {
    body_ = Body::kChunked;
  } else if (length) {
    body_ = Body::kSized;
    left_ = number<std::size_t>(*length).value_or(0);
  }
}

void UpgradeReader::read_body() {
  if (body_ == Body::kUntilEnd) {
    left_ = buffer_.size();
  }
  if (body_ == Body::kChunked) {
    while (!done_ && read_chunk()) {
    }
    return;
  }
  keep(buffer_.size());
  if (body_ != Body::kUntilEnd && left_ == 0) {
    finish(Transfer::kWhole);
  }
}

// False: more must come first.
bool UpgradeReader::read_chunk() {
  if (left_ > 2) {
    keep(left_ - 2);  // the line's end behind a chunk counts as its part
  }
  if (left_ > 2 || buffer_.size() < left_) {
    return false;
  }
  buffer_.erase(0, left_);
  left_ = 0;
  const std::size_t end = buffer_.find("\r\n");
  if (end == std::string::npos) {
    if (buffer_.size() > kMaxHead) {
      finish(Transfer::kTooLarge, "a chunk's head is too long");
    }
    return false;
  }
  const std::string_view line = std::string_view(buffer_).substr(0, end);
  const auto size = number<std::uint32_t>(trimmed(line.substr(0, line.find(';'))), 16);
  buffer_.erase(0, end + 2);
  if (!size || *size == 0) {  // what is behind the last chunk does not matter
    finish(size ? Transfer::kWhole : Transfer::kCutOff, size ? "" : "its chunks are broken");
    return false;
  }
  left_ = std::size_t{*size} + 2;
  return true;
}

// Up to that many of the body's bytes; beyond kMaxErrorBody they are enough for a person.
void UpgradeReader::keep(std::size_t size) {
  size = std::min({size, left_, buffer_.size()});
  std::string& body = response_.body;
  body += buffer_.substr(0, std::min(size, kMaxErrorBody - body.size()));
  buffer_.erase(0, size);
  left_ -= size;
  if (body.size() == kMaxErrorBody) {
    finish(Transfer::kWhole);
  }
}

void UpgradeReader::finish(Transfer transfer, std::string error) {
  response_.transfer = transfer;
  response_.error = std::move(error);
  done_ = true;
}

}  // namespace ohip
