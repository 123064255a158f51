#pragma once

#include <cstdlib>

// A promise that must hold whatever the input: libFuzzer reports the abort, and keeps the input.
inline void require(bool promise) {
  if (!promise) {
    std::abort();
  }
}
