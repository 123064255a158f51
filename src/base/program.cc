#include "base/program.h"

namespace ohip {
namespace {

Program this_program = Program::kPoll;

}  // namespace

void set_program(Program program) {
  this_program = program;
}

Program program() {
  return this_program;
}

std::string_view program_name() {
  return this_program == Program::kPoll ? "ohip-poll" : "ohip-stream";
}

}  // namespace ohip
