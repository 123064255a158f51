#include "base/content_coding.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <memory>
#include <new>

namespace ohip {
namespace {

constexpr int kMostLayers = 3;
constexpr int kGzipOrZlib = 32 + MAX_WBITS;  // zlib tells by the first bytes
constexpr int kBare = -MAX_WBITS;

unsigned byte_at(std::string_view body, std::size_t place) {
  return static_cast<unsigned char>(body[place]);
}

bool is_gzip(std::string_view body) {
  return body.size() >= 2 && byte_at(body, 0) == 0x1f && byte_at(body, 1) == 0x8b;
}

// RFC 1950, 2.2.
bool is_zlib(std::string_view body) {
  return body.size() >= 2 && (byte_at(body, 0) & 0x0fU) == Z_DEFLATED &&
         (byte_at(body, 0) * 256 + byte_at(body, 1)) % 31 == 0;
}

// What is no text of any kind may be what some servers call deflate: the same without RFC 1950's
// first bytes.
bool may_be_bare(std::string_view body) {
  constexpr std::string_view kTextBegins = " \t\r\n{[\"<\xef";
  return !body.empty() && kTextBegins.find(body.front()) == std::string_view::npos;
}

bool begins_like_an_answer(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && text[first] == '{';
}

// zlib's stream, which it never writes through next_in.
class Inflater {
 public:
  Inflater(std::string_view body, int window_bits) {
    stream_.next_in = const_cast<Bytef*>(
        // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): zlib's byte
        reinterpret_cast<const Bytef*>(body.data()));
    stream_.avail_in = static_cast<uInt>(body.size());
    if (inflateInit2(&stream_, window_bits) != Z_OK) {
      throw std::bad_alloc();
    }
  }
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  // Appends to the text until the input ends, is wrong, or the text has limit bytes.
  Uncoded run(std::size_t limit) {
    Uncoded uncoded;
    std::string& text = uncoded.text.emplace();
    int code = Z_OK;
    while (code == Z_OK && text.size() < limit) {
      code = step(text, std::min(kPiece, limit - text.size()));
      if (code == Z_STREAM_END && is_gzip(rest())) {  // RFC 1952, 2.2: one member follows another
        code = inflateReset(&stream_);
      }
    }
    uncoded.ended = code == Z_STREAM_END;
    if (code == Z_OK) {
      uncoded.flaw = fmt::format("it is longer than {} MiB without its compression", limit >> 20);
    } else if (code != Z_STREAM_END && code != Z_BUF_ERROR) {
      uncoded.flaw = fmt::format("its compression is broken: {}",
                                 stream_.msg != nullptr ? stream_.msg : "unknown to zlib");
    }
    text.append(rest().substr(0, uncoded.ended ? limit - text.size() : 0));
    return uncoded;
  }

 private:
  static constexpr std::size_t kPiece = std::size_t{256} << 10;

  int step(std::string& text, std::size_t size) {
    const std::size_t before = text.size();
    text.resize(before + size);
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): zlib's byte
    stream_.next_out = reinterpret_cast<Bytef*>(text.data() + before);
    stream_.avail_out = static_cast<uInt>(size);
    const int code = inflate(&stream_, Z_NO_FLUSH);
    text.resize(text.size() - stream_.avail_out);
    return code;
  }

  std::string_view rest() const {
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): zlib's byte
    return {reinterpret_cast<const char*>(stream_.next_in), stream_.avail_in};
  }

  z_stream stream_{};
};

Uncoded undo_bare(std::string_view body, std::size_t limit) {
  Uncoded uncoded = Inflater(body, kBare).run(limit);
  return begins_like_an_answer(*uncoded.text) ? std::move(uncoded) : Uncoded{};
}

}  // namespace

Uncoded undo_content_codings(std::string_view body, std::size_t limit) {
  if (!is_gzip(body) && !is_zlib(body)) {
    return may_be_bare(body) ? undo_bare(body, limit) : Uncoded{};
  }
  Uncoded uncoded = Inflater(body, kGzipOrZlib).run(limit);
  for (int layer = 1; is_gzip(*uncoded.text) || is_zlib(*uncoded.text); ++layer) {
    if (layer == kMostLayers) {
      uncoded.flaw = fmt::format("it is compressed more than {} times", kMostLayers);
      break;
    }
    Uncoded inner = Inflater(*uncoded.text, kGzipOrZlib).run(limit);
    inner.ended = inner.ended && uncoded.ended;
    inner.flaw = uncoded.flaw.empty() ? inner.flaw : uncoded.flaw;
    uncoded = std::move(inner);
  }
  return uncoded;
}

}  // namespace ohip
