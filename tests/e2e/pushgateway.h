#pragma once

#include <chrono>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <thread>

#include "e2e/process.h"
#include "http/client.h"
#include "support/temporary_directory.h"

namespace ohip::test {

// Prometheus' own, on a port that the system chose.
class RealPushgateway {
 public:
  RealPushgateway() {
    const std::string mark = "\"Listening on\" address=";
    for (int i = 0; i < 3'000; ++i) {
      std::ifstream file(directory_ / "err");
      const std::string log(std::istreambuf_iterator<char>(file), {});
      const std::size_t at = log.find(mark);
      const std::size_t end = log.find('\n', at);
      if (at != std::string::npos && end != std::string::npos) {
        url_ = "http://" + log.substr(at + mark.size(), end - at - mark.size());
        return;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    throw std::runtime_error("the Pushgateway did not start");
  }

  const std::string& url() const { return url_; }

  // What Prometheus would scrape.
  std::string metrics() const {
    HttpRequest request;
    request.url = url_ + "/metrics";
    return CurlHttpClient().send(request).body;
  }

  // The figure of that series, as it is written; "none": there is none.
  std::string figure(const std::string& series) const {
    const std::string text = metrics();
    const std::size_t found = text.find("\n" + series + " ");
    if (found == std::string::npos) {
      return "none";
    }
    const std::size_t begin = found + series.size() + 2;
    return text.substr(begin, text.find('\n', begin) - begin);
  }

 private:
  TemporaryDirectory directory_;
  Process process_{{PUSHGATEWAY_PROGRAM, "--web.listen-address=127.0.0.1:0", "--persistence.file="},
                   {},
                   directory_ / "out",
                   directory_ / "err"};
  std::string url_;
};

}  // namespace ohip::test
