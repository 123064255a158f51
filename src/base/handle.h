#pragma once

#include <memory>

namespace ohip {

// Owns a C library's object; the function that releases it is part of the type.
template <auto Release>
struct Releaser {
  template <typename T>
  void operator()(T* object) const noexcept {
    Release(object);
  }
};

template <typename T, auto Release>
using Handle = std::unique_ptr<T, Releaser<Release>>;

}  // namespace ohip
