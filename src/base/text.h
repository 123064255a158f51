#pragma once

#include <string>
#include <string_view>

namespace ohip {

std::string_view trimmed(std::string_view text);  // of blanks and tabs
std::string lower_case(std::string text);         // ASCII's letters
std::string unix_line_ends(std::string text);
bool is_utf8(std::string_view text);

// Whether a text can be the name of a variable or a Kafka property. One that cannot is not repeated
// in messages: it may be a secret gone astray.
bool is_name(std::string_view text);

// Quoted for a message: control characters escaped, cut to a readable length.
std::string shown(std::string_view text);

}  // namespace ohip
