#pragma once

#include <functional>

#include "base/error.h"

namespace ohip {

// What main() does around a program's own work: 0, 1 and 2 are open before anything else is, no
// core is left behind, a broken pipe or a file-size limit is no signal but an error of the write,
// and whatever is thrown is one line on stderr and the exit status that is returned.
int run_program(const std::function<ExitStatus()>& work);

}  // namespace ohip
