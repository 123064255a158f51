#include "report/checklist.h"

#include <fmt/format.h>

#include "base/print.h"
#include "base/secrets.h"

namespace ohip {
namespace {

void show(std::string_view name, std::string_view result, std::string_view found) {
  print(fmt::format("{:<15} {:<7} {}\n", name, result, masked(found)));
}

}  // namespace

bool Checklist::step(std::string_view name, const std::function<std::string()>& run) {
  try {
    show(name, "OK", run());
    return true;
  } catch (const Error& error) {
    show(name, "FAILED", error.what());
    if (!error.hint().empty()) {
      show("", "", error.hint());
    }
    status_ = more_serious(status_, error.status());
    return false;
  }
}

}  // namespace ohip
