#pragma once

#include <functional>

#include "base/error.h"

namespace ohip {

// What main() does around a program's own work: no core is left behind, a broken pipe is no
// signal, and whatever is thrown is one line on stderr and the exit status that is returned.
int run_program(const std::function<ExitStatus()>& work);

// For what is thrown and is no Error.
Error internal_error(const std::exception& e);

}  // namespace ohip
