// The answer is cut off, late, malformed, or not OHIP's.

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <fstream>

#include "faults/classes.h"
#include "support/listener.h"

namespace ohip::faults {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kEvents = 20;
constexpr std::size_t kHotelsAtOnce = 50;

// An answer and the places in it where an event ends.
struct Answer {
  std::vector<std::string> events;
  std::vector<std::size_t> ends;
  std::string body = R"({"businessEventData":[)";

  explicit Answer(sim::EventGenerator& generator) {
    for (std::size_t i = 0; i < kEvents; ++i) {
      events.push_back(generator.next(kHotel));
      body += (i == 0 ? "" : ",") + events.back();
      ends.push_back(body.size());
    }
    body += R"(],"DataValueMapping":[]})";
  }

  // Events that are whole in the first bytes.
  std::size_t whole(std::size_t bytes) const {
    return static_cast<std::size_t>(std::upper_bound(ends.begin(), ends.end(), bytes) -
                                    ends.begin());
  }
};

std::string little_endian(std::uint32_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) {
    text += static_cast<char>(value >> (8 * i) & 0xffU);
  }
  return text;
}

std::uint32_t crc32(const std::string& text) {
  std::uint32_t crc = ~0U;
  for (const char c : text) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? 0xEDB88320U : 0U);
    }
  }
  return ~crc;
}

// RFC 1952 and 1951: one block, stored; so it is known what each byte of it stands for.
constexpr std::size_t kGzipHeader = 15;
std::string gzip(const std::string& text) {
  const auto size = static_cast<std::uint32_t>(text.size());
  return std::string("\x1f\x8b\x08\0\0\0\0\0\0\xff\x01", 11) + little_endian(size, 2) +
         little_endian(~size, 2) + text + little_endian(crc32(text), 4) + little_endian(size, 4);
}

enum class Form { kLength, kChunked, kGzip };

sim::Fault cut(const Answer& answer, Form form, const std::string& hotel, std::size_t bytes) {
  sim::Fault fault;
  fault.queue = hotel;
  sim::Reply reply;
  reply.body = form == Form::kGzip ? gzip(answer.body) : answer.body;
  if (form == Form::kGzip) {
    reply.headers.emplace_back("Content-Encoding", "gzip");
  }
  fault.instead = reply;
  fault.delivery.cut = true;
  fault.delivery.bytes = bytes;
  fault.delivery.chunked = form == Form::kChunked;
  return fault;
}

// What the program can know of a body of which that many bytes came.
std::size_t seen(Form form, std::size_t bytes, const Answer& answer) {
  const std::size_t header = form == Form::kGzip ? kGzipHeader : 0;
  return std::min(answer.body.size(), bytes - std::min(bytes, header));
}

struct Cut {
  std::string hotel;
  std::size_t bytes;
};

// The bytes are in the quarantine, with the bound on what may be missing; or all was there.
void check_quarantine(Case& one, const Answer& answer, Form form, const Cut& cut) {
  const std::string& hotel = cut.hotel;
  const std::size_t bytes = seen(form, cut.bytes, answer);
  const std::string sent = form == Form::kGzip ? gzip(answer.body) : answer.body;
  std::string body;
  std::string reason;
  for (const auto& entry : fs::directory_iterator(one.queue.parent_path() / hotel / "quarantine")) {
    (entry.path().extension() == ".reason" ? reason : body) += read(entry.path());
  }
  if (bytes == answer.body.size()) {
    one.expect(body.empty() && reason.empty(), "a whole body is no damage");
    return;
  }
  const std::size_t missing = kEvents - answer.whole(bytes);
  one.expect(body == sent.substr(0, cut.bytes), fmt::format("{} bytes are kept", cut.bytes));
  one.expect(missing == 0 || contains(reason, fmt::format("up to {} ", missing)),
             fmt::format("of {} bytes the bound is {}: {}", bytes, missing, reason));
}

// Many hotels, each cut off at another length, in one run.
void cut_together(Stage& stage, Row& row, const Answer& answer, Form form,
                  const std::vector<Cut>& cuts) {
  Case one(stage, row, fmt::format("cut off from byte {} on", cuts.front().bytes));
  std::vector<std::string> expected;
  std::string hotels;
  int status = 0;
  for (const Cut& each : cuts) {
    stage.ohip.inject(cut(answer, form, each.hotel, each.bytes));
    hotels += (hotels.empty() ? "" : ",") + each.hotel;
    const std::size_t bytes = seen(form, each.bytes, answer);
    const std::size_t whole = answer.whole(bytes);
    expected.insert(expected.end(), answer.events.begin(),
                    answer.events.begin() + static_cast<std::ptrdiff_t>(whole));
    status = std::max(status, whole < kEvents ? 76 : bytes < answer.body.size() ? 65 : 0);
  }
  one.environment["OHIP_HOTELS"] = hotels;
  const test::Result result = one.run({"--deadline", "10m"});
  std::vector<std::string> arrived = one.arrived();
  std::sort(expected.begin(), expected.end());
  std::sort(arrived.begin(), arrived.end());
  one.expect(arrived == expected,
             fmt::format("every whole event arrives, and nothing else: {} of {}", arrived.size(),
                         expected.size()));
  one.expect(result.status == status, fmt::format("exit {}", status));
  one.expect(one.polls() == cuts.size(), "one GET each");
  for (const Cut& each : cuts) {
    check_quarantine(one, answer, form, each);
  }
  ++row.statuses[result.status];
  row.cases += cuts.size();
  row.handed_out += expected.size();
  row.quarantined +=
      static_cast<std::size_t>(std::count_if(cuts.begin(), cuts.end(), [&](const Cut& each) {
        return seen(form, each.bytes, answer) < answer.body.size();
      }));
}

void cut_everywhere(Row& row, Form form, std::size_t stride) {
  Stage stage;
  const Answer answer(stage.generator);
  const std::size_t size = form == Form::kGzip ? gzip(answer.body).size() : answer.body.size();
  std::vector<Cut> cuts;
  for (std::size_t bytes = 0; bytes < size; bytes += stride) {
    cuts.push_back({fmt::format("H{}", bytes), bytes});
    if (cuts.size() == kHotelsAtOnce || bytes + stride >= size) {
      cut_together(stage, row, answer, form, cuts);
      cuts.clear();
    }
  }
}

// An OHIP that answers a poll with exactly these bytes, each piece a while after the other.
class RawOhip {
 public:
  RawOhip(std::string answer, std::size_t piece = 0)
      : answer_(std::move(answer)),
        piece_(piece == 0 ? answer_.size() : piece),
        listener_([this](int connection) { serve(connection); }) {}

  std::string url() const { return "http://" + listener_.address(); }
  int polls() const { return polls_; }

 private:
  void serve(int connection) {
    std::string request;
    std::string buffer(65'536, '\0');
    while (!contains(request, "\r\n\r\n")) {
      const ssize_t size = ::recv(connection, buffer.data(), buffer.size(), 0);
      if (size <= 0) {
        return;
      }
      request.append(buffer, 0, static_cast<std::size_t>(size));
    }
    if (request.starts_with("POST")) {
      const std::string token = R"({"access_token":"t","expires_in":3600})";
      send(connection, fmt::format("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: "
                                   "application/json\r\nContent-Length: {}\r\n\r\n{}",
                                   token.size(), token));
      return;
    }
    ++polls_;
    for (std::size_t i = 0; i < answer_.size(); i += piece_) {
      send(connection, answer_.substr(i, piece_));
      ::poll(nullptr, 0, piece_ < answer_.size() ? 1 : 0);
    }
  }

  static void send(int connection, const std::string& bytes) {
    static_cast<void>(::send(connection, bytes.data(), bytes.size(), MSG_NOSIGNAL));
  }

  std::string answer_;
  std::size_t piece_;
  std::atomic<int> polls_ = 0;
  Listener listener_;  // last: serves until it is destroyed
};

struct Damage {
  std::string what;
  std::string head;  // of the answer, behind the status line
  std::string body;
  std::size_t events;  // that arrive
  int status;
  std::size_t piece = 0;
};

std::string length(std::size_t size) {
  return fmt::format("Content-Type: application/json\r\nContent-Length: {}\r\n", size);
}

std::string chunked(const std::string& body) {
  return fmt::format("{:x}\r\n{}\r\n0\r\n\r\n", body.size(), body);
}

std::vector<Damage> damages(const Answer& answer) {
  const std::string& body = answer.body;
  const std::string long_line = "X-A: " + std::string(120'000, 'x') + "\r\n";
  const std::string html = "<html><body>Sign in to the proxy</body></html>";
  return {
      {"a slow drip", length(body.size()), body, 20, 0, 97},
      {"a Content-Length too large", length(body.size() + 100), body, 20, 0},
      {"a Content-Length too small", length(answer.ends[9]), body, 10, 76},
      {"no Content-Length", "Content-Type: application/json\r\n", body, 20, 0},
      {"no Content-Length, and cut off", "", body.substr(0, answer.ends[4]), 5, 76},
      {"two Content-Lengths", length(body.size()) + length(10), body, 20, 0},
      {"two Content-Lengths, the greater one last", length(10) + length(body.size()), body, 20, 0},
      {"a length and chunks", length(10) + "Transfer-Encoding: chunked\r\n", chunked(body), 20, 0},
      {"a length and no chunks", length(10) + "Transfer-Encoding: chunked\r\n", body, 20, 0},
      {"a length that is no number", "Content-Length: x\r\n", body, 20, 0},
      {"a header line without a colon", "no colon here\r\n" + length(body.size()), body, 20, 0},
      {"a header line of 120 kB", long_line + length(body.size()), body, 20, 0},
      {"a header line of 120 kB, and cut off", long_line, body.substr(0, answer.ends[4]), 5, 76},
      {"a folded header line", "X-A: b\r\n c\r\n" + length(body.size()), body, 20, 0},
      {"headers that never end", "X-A: b\r\nX-C", "", 0, 76},
      {"trailing garbage", length(body.size() + 4), body + "\nxyz", 20, 65},
      {"two JSON documents, 40 events", length(2 * body.size()), body + body, 0, 65},
      {"a proxy's page", length(html.size()), html, 0, 65},
      {"a number", length(2), "42", 0, 65},
      {"nothing but spaces", length(3), " \r\n", 0, 0},
      {"a chunk that is none", "Transfer-Encoding: chunked\r\n", "zz\r\n" + body, 0, 76},
      {"nothing but a line's end, and the connection's", "", "\r\n", 0, 76},
      {"nothing but a byte order mark, and the end", "", "\xef\xbb\xbf", 0, 76},
      {"gzip that is none", "Content-Encoding: gzip\r\n" + length(body.size()), body, 20, 0},
      {"an unknown coding", "Content-Encoding: UTF-8\r\n" + length(body.size()), body, 20, 0},
      {"more codings than libcurl takes",
       "Content-Encoding: gzip, br, gzip, br, gzip, br\r\n" + length(body.size()), body, 20, 0},
      {"gzip that no header tells of", length(gzip(body).size()), gzip(body), 20, 0},
  };
}

void damaged(Stage& stage, Row& row, const Answer& answer, const Damage& damage) {
  Case one(stage, row, damage.what);
  const RawOhip ohip(
      fmt::format("HTTP/1.1 200 OK\r\nConnection: close\r\n{}\r\n{}", damage.head, damage.body),
      damage.piece);
  one.environment["OHIP_GATEWAY_URL"] = ohip.url();
  const test::Result result = one.run();
  one.expect(result.status == damage.status, fmt::format("exit {}", damage.status));
  one.expect(one.arrived().size() == damage.events,
             fmt::format("{} events arrive, not {}", damage.events, one.arrived().size()));
  one.expect(ohip.polls() == 1, "one GET");
  one.expect(damage.status == 0 || !one.quarantined().empty(), "a trace is in the quarantine");
  row.handed_out += answer.events.size();
  one.environment["OHIP_GATEWAY_URL"] = stage.ohip.url();
  one.settle({0});
}

// Faults of the simulator, with 20 events taken.
void delivered(Stage& stage, Row& row, const std::string& fault, std::set<int> statuses,
               std::size_t least) {
  Case one(stage, row, fault);
  stage.ohip.inject(sim::parse_fault(fault));
  stage.ohip.enqueue(kHotel, kEvents);
  const test::Result result = one.run({"--once", "--deadline", "2s", "--poll-timeout", "1s"});
  one.expect(statuses.contains(result.status), "the contract's exit status");
  one.expect(one.arrived().size() >= least, fmt::format("{} events arrive", least));
  one.expect(one.polls() == 1, "one GET");
  one.settle({0});
}

}  // namespace

void cut_length(Row& row, std::size_t stride) {
  cut_everywhere(row, Form::kLength, stride);
}

void cut_chunked(Row& row, std::size_t stride) {
  cut_everywhere(row, Form::kChunked, stride);
}

void cut_gzip(Row& row, std::size_t stride) {
  cut_everywhere(row, Form::kGzip, stride);
}

void answer(Row& row, std::size_t /*stride*/) {
  Stage stage;
  delivered(stage, row, "kind=close", {76}, 0);                        // before the headers
  delivered(stage, row, "kind=cut", {76}, 0);                          // after the headers
  delivered(stage, row, "kind=cut&bytes=5000", {76}, 3);               // in the body
  delivered(stage, row, "kind=cut&bytes=5000&chunked=1", {76}, 3);     //
  delivered(stage, row, "kind=stall&bytes=5000&ms=300", {0}, 20);      // late, but whole
  delivered(stage, row, "kind=stall&bytes=5000&ms=6000", {76}, 3);     // until the time-out
  delivered(stage, row, "kind=delay&ms=6000", {76}, 0);                // until the time-out
  delivered(stage, row, "kind=status&status=504&dequeue=1", {76}, 0);  // the gateway gave up
  delivered(stage, row, "kind=chunked", {0}, 20);
  for (std::size_t i = 0;; ++i) {
    const Answer fresh(stage.generator);
    const std::vector<Damage> all = damages(fresh);
    if (i == all.size()) {
      return;
    }
    damaged(stage, row, fresh, all[i]);
  }
}

}  // namespace ohip::faults
