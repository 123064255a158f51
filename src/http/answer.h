#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/client.h"

namespace ohip {

// Reads one answer of HTTP/1, in pieces of any size; interim answers (1xx) are skipped. No I/O,
// never throws for what is in the bytes. Whatever the head looks like, the body's bytes are kept;
// the answer is whole, and delimited, only where the head is plain and what it says has come. What
// is no HTTP at all is no answer; its bytes are the response's body where each one counts, that is,
// with an on_body, which does not get them.
class AnswerReader {
 public:
  // Of all heads, trailers and interim answers together.
  static constexpr std::size_t kMaxHeaders = std::size_t{1} << 20;

  // Which answer is the last one: an interim one, 101, is where an upgrade was asked for.
  enum class Awaits { kAnswer, kUpgrade };

  // on_body gets each piece of the body of a 2xx answer, at most max_body bytes; what it throws
  // comes out of read().
  explicit AnswerReader(std::size_t max_body = kMaxErrorBody,
                        std::function<void(std::string_view)> on_body = {},
                        Awaits awaits = Awaits::kAnswer)
      : max_body_(max_body), on_body_(std::move(on_body)), awaits_(awaits) {}

  void read(std::string_view bytes);
  // No more will come. in_order: because the connection has ended as it should. Else why, in a few
  // words.
  void end(bool in_order, const std::string& why);

  bool done() const { return state_ == State::kDone; }
  // Once done.
  const HttpResponse& response() const { return response_; }
  HttpResponse take_response() { return std::move(response_); }  // at most once
  // Bytes that came right behind it.
  const std::string& rest() const { return rest_; }
  // What comes next on this connection can only be the next answer. Of where an answer ends that
  // bears no body, and a head that promises one, or says it twice, servers have other opinions.
  bool keeps_connection() const { return proven_ && delimits_ && keeps_ && rest_.empty(); }

  // The values of a header field (its name in lower case) of the last head, in their order.
  std::vector<std::string> values(std::string_view name) const;
  // The elements of the comma lists that they are, in lower case.
  std::vector<std::string> elements(std::string_view name) const;

 private:
  enum class State {
    kStatusLine,
    kHead,
    kSized,
    kUntilEnd,
    kChunkSize,
    kChunk,
    kChunkEnd,
    kTrailers,
    kDone
  };

  bool complete_line(std::string_view& bytes);
  bool in_chunk_line() const;
  void take_line();
  void take_status(std::string_view line);
  void take_chunk_size(std::string_view line);
  void take_foreign();
  void end_head();
  void prepare_body();
  void take_body(std::string_view& bytes);
  void keep(std::string_view piece);
  void break_chunks();
  void finish_proven();
  void finish(Transfer transfer, std::string error = {});

  std::size_t max_body_;
  std::function<void(std::string_view)> on_body_;
  Awaits awaits_;
  State state_ = State::kStatusLine;
  HttpResponse response_;
  std::string line_;  // so far
  std::string head_;  // without the status line
  std::string rest_;
  std::size_t header_bytes_ = 0;
  std::size_t left_ = 0;   // of the body, or of the chunk
  int status_ = 0;         // of this head
  bool delimits_ = false;  // the head says without contradiction where the body ends
  bool keeps_ = false;     // as far as the head goes
  bool proven_ = false;    // the end that the head has promised came
  std::string flaw_;       // set: what follows cannot be read, and is taken as it is
};

}  // namespace ohip
