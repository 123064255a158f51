#pragma once

#include <cstdint>
#include <string_view>

namespace ohip {

enum class Program : std::uint8_t { kPoll, kStream };

// Which of them this process is, for its messages and its settings: kPoll, until main() says
// otherwise before anything else.
void set_program(Program program);
Program program();
std::string_view program_name();

}  // namespace ohip
