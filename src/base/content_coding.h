#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace ohip {

// What a body says once its content codings are undone.
struct Uncoded {
  // Nothing: there is no coding in it that this program knows. Else as much as could be undone.
  std::optional<std::string> text;
  bool ended = true;  // false: the compressed bytes end too early
  // Why the rest could not be undone, without guest data; empty when nothing is wrong but the end.
  std::string flaw;
};

// Undoes gzip and deflate (RFC 9110, 8.4.1), also one in the other. They are known by the body's
// own first bytes, with which no JSON begins: a Content-Encoding header may say anything, and a
// file in the spool has none. Never more than limit bytes come out; what follows behind the
// compressed bytes is appended.
Uncoded undo_content_codings(std::string_view body, std::size_t limit);

}  // namespace ohip
