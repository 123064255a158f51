#pragma once

#include <string>
#include <string_view>

namespace ohip {

std::string sha1(std::string_view bytes);        // 20 bytes
std::string sha256_hex(std::string_view bytes);  // 64 digits, lower case
std::string base64(std::string_view bytes);      // with padding, on one line

}  // namespace ohip
