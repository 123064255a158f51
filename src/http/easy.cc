#include "http/easy.h"

namespace ohip {

Easy make_easy() {
  static const CURLcode initialized = curl_global_init(CURL_GLOBAL_DEFAULT);
  Easy easy(initialized == CURLE_OK ? curl_easy_init() : nullptr);
  if (!easy) {
    fail(ExitStatus::kSoftware, "libcurl cannot be initialized");
  }
  return easy;
}

}  // namespace ohip
