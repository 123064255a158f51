// libFuzzer: whatever comes back, what is kept is bounded, and an answer that is said to be whole
// is, however it is torn; over a socket it is the same, and the request is sent once. The input's
// first byte says how the connection ends, whether it was used before, and whether there is one at
// all; the rest is the answer.

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "http/answer.h"
#include "http/wording.h"
#include "require.h"
#include "support/listener.h"

namespace {

using ohip::HttpRequest;
using ohip::HttpResponse;
using ohip::Transfer;

// Answers each request on whatever connection: first, where the connection is to be used twice, a
// harmless answer; then the input, and the connection ends.
class Server {
 public:
  Server() : listener_([this](int connection) { serve(connection); }) {}

  std::string url() const { return "http://" + listener_.address() + "/"; }

  // Waits until it has done with the connection before.
  void prepare(std::string_view answer, bool used_before, bool reset) {
    const std::lock_guard lock(mutex_);
    answer_ = answer;
    used_before_ = used_before;
    reset_ = reset;
    requests_ = 0;
  }
  int requests() const { return requests_; }

 private:
  void serve(int connection) {
    const std::lock_guard lock(mutex_);
    if (used_before_ && requests_ == 0) {
      read_request(connection);
      send(connection, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    }
    if (read_request(connection)) {
      send(connection, answer_);
    }
    if (reset_) {
      const linger at_once = {.l_onoff = 1, .l_linger = 0};
      setsockopt(connection, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    }
  }

  bool read_request(int connection) {
    std::string request;
    std::array<char, 4096> piece{};
    while (request.find("\r\n\r\n") == std::string::npos) {
      const ssize_t size = ::recv(connection, piece.data(), piece.size(), 0);
      if (size <= 0) {
        return false;
      }
      request.append(piece.data(), static_cast<std::size_t>(size));
    }
    ++requests_;
    return true;
  }

  static void send(int connection, std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t size = ::send(connection, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (size <= 0) {
        return;
      }
      bytes.remove_prefix(static_cast<std::size_t>(size));
    }
  }

  std::mutex mutex_;  // held while it serves; guards what follows
  std::string answer_;
  bool used_before_ = false;
  bool reset_ = false;
  std::atomic<int> requests_ = 0;
  ohip::Listener listener_;  // last: serves until it is destroyed
};

// What the head of the final answer says, where it says it plainly.
struct Head {
  std::string_view body;  // all that follows
  std::optional<std::string> length;
  std::optional<std::string> transfer_coding;
  bool plain = true;  // no field twice, none folded
};

std::string lower(std::string_view text) {
  std::string copy(text);
  std::transform(copy.begin(), copy.end(), copy.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return copy;
}

std::string_view next_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  require(end != std::string_view::npos);  // no head is whole that ends inside a line
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 1);
  if (line.ends_with('\r')) {
    line.remove_suffix(1);
  }
  return line;
}

constexpr std::string_view kBlanks = " \t";

void take_field(Head& head, std::string_view line) {
  const std::size_t colon = line.find(':');
  const std::string name = lower(line.substr(0, colon));
  std::string_view value = line.substr(std::min(line.size(), colon + 1));
  value.remove_prefix(std::min(value.size(), value.find_first_not_of(kBlanks)));
  value = value.substr(0, value.find_last_not_of(kBlanks) + 1);
  for (auto& [field, place] : {std::pair("content-length", &head.length),
                               std::pair("transfer-encoding", &head.transfer_coding)}) {
    if (name == field) {
      head.plain = head.plain && !*place;
      *place = lower(value);
    }
  }
  head.plain = head.plain && colon != std::string_view::npos && line.front() != ' ' &&
               line.front() != '\t' && line.find('\0') == std::string_view::npos &&
               line.find('\r') == std::string_view::npos &&
               name.find_first_of(" \t") == std::string::npos;
}

// "HTTP/1.1 200 …".
bool is_status_line(std::string_view line) {
  return line.starts_with("HTTP/1.1 ") && line.size() > 11 &&
         line.substr(9, 3).find_first_not_of("0123456789") == std::string_view::npos;
}

Head read_head(std::string_view answer) {
  Head head;
  bool interim = true;
  while (interim) {
    head = Head();
    const std::string_view status = next_line(answer);
    head.plain = is_status_line(status);
    if (!head.plain) {
      return head;
    }
    interim = status[9] == '1';
    std::string_view line;
    while (!(line = next_line(answer)).empty() && line.front() != '\r') {
      take_field(head, line);
    }
    if (line.find_first_not_of('\r') != std::string_view::npos) {
      head.plain = false;
      return head;
    }
  }
  head.body = answer;
  return head;
}

// Nothing where the last chunk is missing.
std::optional<std::string> unchunk(std::string_view text) {
  std::string body;
  while (text.find('\n') != std::string_view::npos) {
    const std::size_t size = std::strtoul(std::string(next_line(text)).c_str(), nullptr, 16);
    if (size == 0) {
      return body;
    }
    if (size > text.size()) {
      return std::nullopt;
    }
    body += text.substr(0, size);
    text.remove_prefix(size);
    if (text.find('\n') != std::string_view::npos) {
      next_line(text);
    }
  }
  return std::nullopt;
}

// Read once more, by other code.
void check_whole(const HttpResponse& response, std::string_view answer) {
  const Head head = read_head(answer);
  if (!head.plain || response.status == 204) {
    return;
  }
  std::optional<std::string> body;
  if (head.transfer_coding) {
    body = *head.transfer_coding == "chunked" ? unchunk(head.body) : response.body;
  } else if (head.length) {
    const bool number = !head.length->empty() && head.length->size() < 19 &&
                        std::all_of(head.length->begin(), head.length->end(),
                                    [](unsigned char c) { return std::isdigit(c) != 0; });
    if (!number) {
      require(!response.body.empty() || head.length->find(',') != std::string::npos);
      return;
    }
    const std::size_t length = std::stoul(*head.length);
    require(length <= head.body.size());
    body = head.body.substr(0, length);
  } else {
    require(!response.body.empty());
    body = head.body;
  }
  require(body.has_value());
  require(*body == response.body);  // as it was sent: content codings are undone later
}

void check_answer(const HttpResponse& response, const std::string& handed_on) {
  using namespace std::chrono_literals;
  require((response.status == 0) == (response.transfer == Transfer::kNoAnswer));
  require(response.status == 0 || response.status >= 200);
  require(response.error.empty() == (response.transfer == Transfer::kWhole));
  require(response.body.size() <=
          (response.status == 0 || response.success() ? ohip::kMaxBody : ohip::kMaxErrorBody));
  require(!response.retry_after || (*response.retry_after > 0s && *response.retry_after <= 24h));
  require(handed_on == (response.success() ? response.body : ""));
  const std::string line = ohip::describe_answer(response);
  require(!line.empty() && line.size() <= 300 && line.find('\n') == std::string::npos);
}

// In pieces of that size.
HttpResponse read(std::string_view answer, std::size_t piece) {
  std::string handed_on;
  ohip::AnswerReader reader(ohip::kMaxBody, [&](std::string_view bytes) { handed_on += bytes; });
  std::string_view left = answer;
  while (!left.empty()) {
    reader.read(left.substr(0, piece));
    left.remove_prefix(std::min(piece, left.size()));
  }
  reader.end(true, "closed");
  require(reader.done());
  require(!reader.keeps_connection() || reader.response().transfer == Transfer::kWhole);
  const HttpResponse& response = reader.response();
  require(!response.delimited || response.transfer == Transfer::kWhole);
  check_answer(response, handed_on);
  if (response.success() && response.transfer == Transfer::kWhole) {
    check_whole(response, answer);
  }
  return response;
}

void require_same(const HttpResponse& a, const HttpResponse& b) {
  require(a.transfer == b.transfer && a.status == b.status && a.delimited == b.delimited);
  require(a.body == b.body || !a.success());  // of others content codings are undone
}

void ask(const HttpResponse& expected, std::string_view answer, bool used_before, bool reset) {
  static Server server;
  server.prepare(answer, used_before, reset);
  ohip::CurlHttpClient http;
  HttpRequest request;
  request.url = server.url();
  if (used_before) {
    require(http.send(request).transfer == Transfer::kWhole);
  }
  std::string handed_on;
  request.on_body = [&](std::string_view piece) { handed_on += piece; };
  const HttpResponse response = http.send(request);
  require(server.requests() == (used_before ? 2 : 1));
  check_answer(response, handed_on);
  if (response.success() && response.transfer == Transfer::kWhole) {
    check_whole(response, answer);
  }
  if (!reset && expected.success()) {
    require_same(expected, response);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  const std::string_view answer(reinterpret_cast<const char*>(data) + 1, size - 1);
  const HttpResponse whole = read(answer, std::max<std::size_t>(answer.size(), 1));
  require_same(whole, read(answer, 1 + (data[0] >> 3U)));
  const bool used_before = (data[0] & 1U) != 0;
  const bool reset = (data[0] & 2U) != 0;
  const bool over_socket = (data[0] & 4U) == 0;
  if (over_socket) {
    ask(whole, answer, used_before, reset);
  }
  return 0;
}
