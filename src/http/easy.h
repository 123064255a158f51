#pragma once

#include <curl/curl.h>

#include "base/error.h"
#include "base/handle.h"

namespace ohip {

using Easy = Handle<CURL, curl_easy_cleanup>;

// A new handle; libcurl is initialized before. Throws Error kSoftware.
Easy make_easy();

// Throws Error kConfig when libcurl refuses the option.
template <typename T>
void set(CURL* easy, CURLoption option, T value) {
  const CURLcode code = curl_easy_setopt(easy, option, value);
  if (code != CURLE_OK) {
    fail(ExitStatus::kConfig, "libcurl {} refuses option {}: {}",
         curl_version_info(CURLVERSION_NOW)->version, static_cast<int>(option),
         curl_easy_strerror(code));
  }
}

template <typename T>
T get(CURL* easy, CURLINFO info) {
  T value{};
  curl_easy_getinfo(easy, info, &value);
  return value;
}

}  // namespace ohip
