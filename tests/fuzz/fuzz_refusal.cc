// libFuzzer: whatever a refusal holds, it becomes one short line, and the wait before another try
// ends inside the run.

#include <chrono>
#include <cstdint>
#include <string>

#include "http/backoff.h"
#include "http/wording.h"
#include "require.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kHead = 4;
  if (size < kHead) {
    return 0;
  }
  ohip::HttpResponse response;
  response.transfer = ohip::Transfer::kWhole;
  response.status = 400 + data[0] % 200;
  response.retry_after = std::chrono::seconds(data[1] * data[2]);
  response.body.assign(data + kHead, data + size);
  const std::string line = ohip::describe_answer(response);
  require(!line.empty() && line.size() <= 300 && line.find('\n') == std::string::npos);
  const ohip::Milliseconds left(data[3] * 100);
  const std::optional<ohip::Milliseconds> wait = ohip::backoff(response, 1 + data[2] % 8, left);
  require(!wait || *wait < left || left == ohip::Milliseconds::zero());
  return 0;
}
