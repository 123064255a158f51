// Something waits in the connection that a poll is about to use, or the connection is of no use.

#include <fmt/format.h>
#include <openssl/ssl.h>

#include <fstream>
#include <optional>

#include "faults/classes.h"
#include "simulator/certificate.h"
#include "support/scripted_server.h"

namespace ohip::faults {
namespace {

using test::answer;
using test::head;
using test::raw;
using test::Step;

constexpr std::size_t kEvents = 20;

struct Stray {
  std::string what;
  Step token;
  Step first;  // the answer before the one with the events
};

Step with(Step step, const std::string& later, Step::Then then = Step::Then::kKeep) {
  step.later = later;
  step.then = then;
  return step;
}

std::vector<Stray> strays() {
  const Step token = answer("200 OK", R"({"access_token":"T1"})");
  const Step nothing = answer("204 No Content");
  const Step chunked =
      raw(head("204 No Content", "Transfer-Encoding: chunked\r\n"), Step::Then::kKeep);
  const auto whole = [](const std::string& status, const std::string& body = {}) {
    return answer(status, body).bytes;
  };
  return {
      {"the last chunk of an answer that has none", token, with(chunked, "0\r\n\r\n")},
      {"a line end behind the token", with(token, "\r\n"), nothing},
      {"a line end behind an answer", token, with(nothing, "\r\n")},
      {"an answer: nothing", token, with(nothing, "HTTP/1.1 204 No Content\r\n\r\n")},
      {"an answer: an empty page", token, with(nothing, whole("200 OK", "{}"))},
      {"an answer: no authorization", token, with(nothing, whole("401 Unauthorized"))},
      {"an answer: unavailable", token, with(nothing, whole("503 Unavailable"))},
      {"an answer: a time-out", token, with(nothing, whole("408 Request Timeout"))},
      {"its end", token, with(nothing, "", Step::Then::kClose)},
      {"the end of one side", token, with(nothing, "", Step::Then::kFarewell)},
  };
}

// OHIP's identity over TLS.
struct Identity {
  explicit Identity(const std::filesystem::path& ca_file) {
    SSL_CTX_use_certificate(context.get(), made.certificate.get());
    SSL_CTX_use_PrivateKey(context.get(), made.key.get());
    std::ofstream(ca_file) << made.ca_pem;
  }

  sim::Certificate made = sim::make_certificate();
  Handle<SSL_CTX, SSL_CTX_free> context{SSL_CTX_new(TLS_server_method())};
};

// Hotel A has nothing, what follows behind that is not the answer for hotel Z.
void left_behind(Stage& stage, Row& row, const Stray& stray, bool tls) {
  Case one(stage, row, stray.what + (tls ? ", over TLS" : ""), {"A", "Z"});
  std::string body;
  std::vector<std::string> events;
  for (std::size_t i = 0; i < kEvents; ++i) {
    events.push_back(stage.generator.next("Z"));
    body += (i == 0 ? "" : ",") + events.back();
  }
  const Step with_events = answer("200 OK", R"({"businessEventData":[)" + body + "]}");
  const Identity identity(one.directory / "ca.pem");
  const test::ScriptedServer ohip({stray.token, stray.first, with_events},
                                  tls ? identity.context.get() : nullptr);
  one.environment["OHIP_GATEWAY_URL"] = ohip.url();
  one.environment["OHIP_CA_FILE"] = one.directory / "ca.pem";
  // The pace leaves what is sent later the time to arrive.
  const test::Result result = one.run({"--once", "--jobs", "1", "--max-polls-per-minute", "200"});
  one.expect(result.status == 0, "exit 0");
  one.expect(one.arrived() == events, "the events arrive, and nothing else");
  one.expect(ohip.requests().size() == 3, "a token and one GET each");
  row.handed_out += kEvents;
  one.environment["OHIP_GATEWAY_URL"] = stage.ohip.url();
  one.settle({0});
}

// A port that nobody serves: its queue is full.
void silent_port(Stage& stage, Row& row) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the sockets API
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  bind(listener, generic, size);
  listen(listener, 0);
  getsockname(listener, generic, &size);
  const int first = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  connect(first, generic, size);
  Case one(stage, row, "a port that answers nothing", {"A", "B", "C"});
  one.enqueue(kEvents);
  one.environment["OHIP_GATEWAY_URL"] = fmt::format("http://127.0.0.1:{}", ntohs(address.sin_port));
  const auto begin = std::chrono::steady_clock::now();
  const test::Result result = one.run({"--once", "--jobs", "1", "--deadline", "2s"});
  const auto passed = std::chrono::steady_clock::now() - begin;
  one.expect(result.status == 69, "exit 69");
  one.expect(passed < std::chrono::seconds(12), "the deadline holds");
  close(first);
  close(listener);
  one.environment["OHIP_GATEWAY_URL"] = stage.ohip.url();
  one.settle({0});
}

}  // namespace

void connection(Row& row, std::size_t stride) {
  Stage stage;
  const std::vector<Stray> all = strays();
  for (std::size_t i = 0; i < all.size(); ++i) {
    left_behind(stage, row, all[i], false);
    if (i % stride == 0) {
      left_behind(stage, row, all[i], true);
    }
  }
  silent_port(stage, row);
}

}  // namespace ohip::faults
