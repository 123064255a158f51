#pragma once

#include <curl/curl.h>

#include <map>
#include <string>

#include "base/handle.h"

namespace ohip::test {

// What a client sees of one exchange.
struct Answer {
  CURLcode result = CURLE_OK;
  long status = 0;
  std::string body;
  std::map<std::string, std::string> headers;  // names in lower case
  long new_connections = 0;
};

using Headers = std::map<std::string, std::string>;

// A plain libcurl client that keeps its connection. Everything it does not do itself is libcurl's
// default, such as sending a GET again when a reused connection dies.
class CurlClient {
 public:
  std::string ca_file;
  long timeout_ms = 60'000;
  bool hang_up_in_body = false;  // at its first bytes

  Answer send(const std::string& method, const std::string& url, const Headers& headers,
              const std::string& body = {}) {
    CURL* const curl = curl_.get();
    curl_easy_reset(curl);
    Answer answer;
    list_.reset();
    for (const auto& [name, value] : headers) {
      add_header(name, value);
    }
    if (!body.empty()) {
      curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.c_str());
      curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, static_cast<long>(body.size()));
    }
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method.c_str());
    curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list_.get());
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, timeout_ms);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, hang_up_in_body ? take_and_stop : take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, &answer);
    if (!ca_file.empty()) {
      curl_easy_setopt(curl, CURLOPT_CAINFO, ca_file.c_str());
    }
    answer.result = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer.status);
    curl_easy_getinfo(curl, CURLINFO_NUM_CONNECTS, &answer.new_connections);
    return answer;
  }

 private:
  static std::size_t take_body(const char* data, std::size_t /*one*/, std::size_t size,
                               Answer* answer) {
    answer->body.append(data, size);
    return size;
  }

  static std::size_t take_and_stop(const char* data, std::size_t /*one*/, std::size_t size,
                                   Answer* answer) {
    answer->body.append(data, size);
    return 0;
  }

  static std::size_t take_header(const char* data, std::size_t /*one*/, std::size_t size,
                                 Answer* answer) {
    const std::string line(data, size);
    const std::size_t colon = line.find(':');
    if (colon != std::string::npos && line.size() >= colon + 4) {
      std::string name = line.substr(0, colon);
      for (char& c : name) {
        c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
      }
      answer->headers[name] = line.substr(colon + 2, line.size() - colon - 4);
    }
    return size;
  }

  void add_header(const std::string& name, const std::string& value) {
    std::string line = name;
    line.append(": ").append(value);
    list_.reset(curl_slist_append(list_.release(), line.c_str()));
  }

  Handle<CURL, curl_easy_cleanup> curl_{curl_easy_init()};
  Handle<curl_slist, curl_slist_free_all> list_;
};

}  // namespace ohip::test
