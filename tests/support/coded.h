#pragma once

#include <zlib.h>

#include <stdexcept>
#include <string>

namespace ohip::test {

inline std::string deflated(const std::string& text, int window_bits) {
  z_stream stream{};
  if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    throw std::runtime_error("deflateInit2");
  }
  std::string input = text;  // zlib's interface is not const
  std::string output(deflateBound(&stream, static_cast<uLong>(input.size())), '\0');
  // NOLINTBEGIN(cppcoreguidelines-pro-type-reinterpret-cast): zlib's byte
  stream.next_in = reinterpret_cast<Bytef*>(input.data());
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = reinterpret_cast<Bytef*>(output.data());
  // NOLINTEND(cppcoreguidelines-pro-type-reinterpret-cast)
  stream.avail_out = static_cast<uInt>(output.size());
  deflate(&stream, Z_FINISH);
  output.resize(output.size() - stream.avail_out);
  deflateEnd(&stream);
  return output;
}

inline std::string gzip(const std::string& text) {
  return deflated(text, 16 + MAX_WBITS);
}

inline std::string zlib(const std::string& text) {
  return deflated(text, MAX_WBITS);
}

// What some servers send as "deflate".
inline std::string bare_deflate(const std::string& text) {
  return deflated(text, -MAX_WBITS);
}

}  // namespace ohip::test
