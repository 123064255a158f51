#include "http/answer.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <ctime>
#include <optional>
#include <utility>

#include "base/text.h"

namespace ohip {
namespace {

constexpr std::size_t kMaxChunkLine = std::size_t{16} << 10;  // with extensions
constexpr std::chrono::seconds kMaxRetryAfter{86'400};

template <typename Number>
std::optional<Number> number(std::string_view text, int base = 10) {
  Number value{};
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, base);
  return error == std::errc() && stop == end ? std::optional(value) : std::nullopt;
}

// The line at the beginning, without its end, which is a line feed, perhaps behind carriage
// returns.
std::string_view without_end(std::string_view line) {
  line = line.substr(0, line.find('\n'));
  return line.substr(0, line.find_last_not_of('\r') + 1);
}

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

std::string lower(std::string_view text) {
  return lower_case(std::string(text));
}

std::optional<std::uint64_t> chunk_size(std::string_view line) {
  return number<std::uint64_t>(trimmed(line.substr(0, line.find(';'))), 16);
}

// What the values of Content-Length agree on.
std::optional<std::size_t> length_of(const std::vector<std::string>& values) {
  const bool same = std::all_of(values.begin(), values.end(),
                                [&](const std::string& each) { return each == values.front(); });
  return !values.empty() && same ? number<std::size_t>(values.front()) : std::nullopt;
}

// Seconds, or a date.
std::optional<std::chrono::seconds> retry_after(const std::string& value) {
  auto wait = std::chrono::seconds(number<std::uint32_t>(value).value_or(0));
  if (wait.count() == 0) {
    const std::time_t date = curl_getdate(value.c_str(), nullptr);
    wait = std::chrono::seconds(date > 0 ? date - std::time(nullptr) : 0);
  }
  return wait.count() > 0 ? std::optional(std::min(wait, kMaxRetryAfter)) : std::nullopt;
}

// What begins a status line: as much of it as has come.
bool is_foreign(std::string_view line) {
  constexpr std::string_view kBegin = "http/";
  return lower(line.substr(0, kBegin.size())) != kBegin.substr(0, line.size());
}

std::string first(std::vector<std::string> values) {
  return values.empty() ? std::string() : std::move(values.front());
}

}  // namespace

void AnswerReader::read(std::string_view bytes) {
  while (!done() && !bytes.empty()) {
    if (state_ == State::kSized || state_ == State::kUntilEnd || state_ == State::kChunk) {
      take_body(bytes);
    } else if (complete_line(bytes)) {
      take_line();
    }
  }
  rest_ += bytes;
}

void AnswerReader::end(bool in_order, const std::string& why) {
  const std::string_view begun = without_end(line_);
  if ((state_ == State::kChunkSize && !begun.empty() && !chunk_size(begun)) ||
      (state_ == State::kChunkEnd && !begun.empty())) {
    break_chunks();
  }
  if (done()) {
    return;
  }
  const bool ends = state_ == State::kUntilEnd && in_order;
  const bool lacks_body = response_.success() && response_.body.empty();
  if (ends && flaw_.empty() && !lacks_body) {
    return finish(Transfer::kWhole);
  }
  finish(Transfer::kCutOff, !flaw_.empty() ? flaw_
                            : ends         ? "the response ends where its body should begin"
                                           : why);
}

std::vector<std::string> AnswerReader::values(std::string_view name) const {
  std::vector<std::string> found;
  bool in_field = false;
  for (std::string_view head = head_; !head.empty();) {
    const std::string_view line = without_end(head);
    head.remove_prefix(std::min(head.size(), head.find('\n') + 1));
    if (is_blank(line.front())) {  // goes on with the field before
      if (in_field) {
        found.back().append(" ").append(trimmed(line));
      }
      continue;
    }
    const std::size_t colon = line.find(':');
    in_field = colon != std::string_view::npos && lower(trimmed(line.substr(0, colon))) == name;
    if (in_field) {
      found.emplace_back(trimmed(line.substr(colon + 1)));
    }
  }
  return found;
}

std::vector<std::string> AnswerReader::elements(std::string_view name) const {
  std::vector<std::string> found;
  for (const std::string& value : values(name)) {
    for (std::size_t begin = 0; begin <= value.size();) {
      const std::size_t end = std::min(value.find(',', begin), value.size());
      found.push_back(lower(trimmed(std::string_view(value).substr(begin, end - begin))));
      begin = end + 1;
    }
  }
  return found;
}

bool AnswerReader::in_chunk_line() const {
  return state_ == State::kChunkSize || state_ == State::kChunkEnd;
}

// False: more must come first, or there is too much.
bool AnswerReader::complete_line(std::string_view& bytes) {
  const std::size_t end = bytes.find('\n');
  const std::string_view part = bytes.substr(0, end == std::string_view::npos ? end : end + 1);
  bytes.remove_prefix(part.size());
  line_ += part;
  if (in_chunk_line()) {
    if (line_.size() > kMaxChunkLine) {
      break_chunks();
      return false;
    }
    return end != std::string_view::npos;
  }
  if (state_ == State::kStatusLine && is_foreign(without_end(line_))) {
    take_foreign();
    return false;
  }
  header_bytes_ += part.size();
  if (header_bytes_ > kMaxHeaders) {
    finish(Transfer::kCutOff,
           fmt::format("its head and trailers are longer than {} bytes", kMaxHeaders));
    return false;
  }
  return end != std::string_view::npos;
}

void AnswerReader::take_line() {
  const std::string_view line = without_end(line_);
  switch (state_) {
    case State::kStatusLine:
      if (!line.empty()) {  // one that belongs to nothing
        take_status(line);
      }
      break;
    case State::kHead:
      if (line.empty()) {
        end_head();
      } else {
        head_ += line_;
      }
      break;
    case State::kChunkSize:
      take_chunk_size(line);
      break;
    case State::kChunkEnd:
      if (!line.empty()) {
        return break_chunks();
      }
      state_ = State::kChunkSize;
      break;
    default:  // trailers
      if (line.empty()) {
        finish_proven();
      }
      break;
  }
  line_.clear();
}

// HTTP/1.1 429 Too Many Requests
void AnswerReader::take_status(std::string_view line) {
  const std::string_view version = line.substr(0, line.find_first_of(" \t"));
  std::string_view words = trimmed(line.substr(version.size()));
  const auto status = number<int>(words.substr(0, 3));
  const bool longer = words.size() > 3 && words[3] >= '0' && words[3] <= '9';
  if (!lower(version).starts_with("http/") || !status || *status < 100 || longer) {
    return take_foreign();
  }
  status_ = *status;
  if (status_ >= 200) {
    response_.status = status_;
    response_.reason = trimmed(words.substr(3));
  }
  keeps_ = version == "HTTP/1.1";
  head_.clear();
  state_ = State::kHead;
}

void AnswerReader::end_head() {
  if (status_ == 101 && awaits_ == Awaits::kUpgrade) {
    response_.status = status_;
    return finish(Transfer::kWhole);
  }
  if (status_ < 200) {
    state_ = State::kStatusLine;
    return;
  }
  response_.content_type = first(values("content-type"));
  response_.location = first(values("location"));
  response_.retry_after = retry_after(first(values("retry-after")));
  prepare_body();
}

// Where the head contradicts itself the body is read in the way that keeps most of it.
void AnswerReader::prepare_body() {
  const std::vector<std::string> lengths = elements("content-length");
  std::vector<std::string> codings = elements("transfer-encoding");
  std::erase_if(codings, [](const auto& each) { return each.empty() || each == "identity"; });
  const std::vector<std::string> connection = elements("connection");
  const std::optional<std::size_t> length = length_of(lengths);
  const bool bodyless = status_ == 204 || status_ == 304;
  keeps_ = keeps_ && std::find(connection.begin(), connection.end(), "close") == connection.end();
  if (bodyless) {
    delimits_ = true;
    keeps_ = keeps_ && codings.empty() && length.value_or(lengths.size()) == 0;
    finish_proven();
  } else if (!codings.empty() && codings.back() == "chunked") {
    delimits_ = lengths.empty();
    state_ = State::kChunkSize;
  } else if (codings.empty() && length) {
    delimits_ = true;
    left_ = *length;
    state_ = State::kSized;
    if (left_ == 0) {
      finish_proven();
    }
  } else {
    state_ = State::kUntilEnd;
  }
}

void AnswerReader::take_body(std::string_view& bytes) {
  const std::string_view piece =
      bytes.substr(0, state_ == State::kUntilEnd ? std::string_view::npos : left_);
  bytes.remove_prefix(piece.size());
  if (state_ != State::kUntilEnd) {
    left_ -= piece.size();
  }
  keep(piece);
  if (state_ == State::kSized && left_ == 0) {
    finish_proven();
  } else if (state_ == State::kChunk && left_ == 0) {
    state_ = State::kChunkEnd;
  }
}

void AnswerReader::take_chunk_size(std::string_view line) {
  const std::optional<std::uint64_t> size = chunk_size(line);
  if (!size) {
    return break_chunks();
  }
  left_ = *size;
  state_ = left_ == 0 ? State::kTrailers : State::kChunk;
}

// An error's bytes are enough for a person at kMaxErrorBody.
void AnswerReader::keep(std::string_view piece) {
  std::string& body = response_.body;
  const bool success = response_.success();
  const bool is_error = !success && response_.status != 0;
  const std::size_t room = (is_error ? kMaxErrorBody : max_body_) - body.size();
  const bool too_much = piece.size() > room;
  piece = piece.substr(0, room);
  if (success && on_body_ && !piece.empty()) {
    on_body_(piece);
  }
  body += piece;
  if (too_much && is_error) {
    finish(Transfer::kWhole);
  } else if (too_much) {
    finish(Transfer::kTooLarge, fmt::format("the response is longer than {} bytes", max_body_));
  }
}

// From the line on that is none of a chunk's.
void AnswerReader::break_chunks() {
  flaw_ = "its chunks are broken";
  state_ = State::kUntilEnd;
  keep(std::exchange(line_, {}));
}

void AnswerReader::take_foreign() {
  flaw_ = "the server does not speak HTTP/1.1";
  if (!on_body_) {
    return finish(Transfer::kNoAnswer, flaw_);
  }
  state_ = State::kUntilEnd;
  keep(std::exchange(line_, {}));
}

void AnswerReader::finish_proven() {
  proven_ = true;
  response_.delimited = delimits_;
  finish(Transfer::kWhole);
}

void AnswerReader::finish(Transfer transfer, std::string error) {
  response_.transfer = response_.status == 0 ? Transfer::kNoAnswer : transfer;
  response_.error = std::move(error);
  state_ = State::kDone;
}

}  // namespace ohip
