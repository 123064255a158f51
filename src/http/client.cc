#include "http/client.h"

#include <curl/curl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "base/content_coding.h"
#include "base/digest.h"
#include "base/handle.h"
#include "base/login.h"
#include "http/answer.h"
#include "http/connection.h"
#include "http/easy.h"
#include "http/target.h"

namespace ohip {
namespace {

using std::chrono::steady_clock;
using Share = Handle<CURLSH, curl_share_cleanup>;

// A connection that idled for longer is not used: the server may be closing it just now, and a GET
// that dies with it must be reported as a possible loss. Servers wait for a second and more.
constexpr Milliseconds kMaxIdle{500};

// That are made for one request, if each one turns out to be unfit before it is sent.
constexpr int kMaxConnections = 3;

constexpr std::size_t kPiece = std::size_t{64} << 10;  // read at once

constexpr const char* kTimeIsOver = "the run's time is over";
constexpr const char* kProxyRefuses = "the proxy refuses the user name and password, or wants them";

bool is_over(const HttpRequest& request) {
  return request.deadline != nullptr && request.deadline->left() == Milliseconds::zero();
}

HttpResponse unsent(Transfer transfer, std::string error) {
  HttpResponse response;
  response.transfer = transfer;
  response.error = std::move(error);
  return response;
}

// Of a connection that could not be made.
Transfer unmade(CURLcode code) {
  if (is_untrusted(code)) {
    return Transfer::kUntrusted;
  }
  switch (code) {
    case CURLE_OUT_OF_MEMORY:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
      return Transfer::kNotSent;
    default:
      return Transfer::kUnreachable;
  }
}

// What is left of the last exchange for the next one.
struct Kept {
  std::unique_ptr<Connection> connection;  // null: none
  std::string origin;
  SteadyPoint since;

  bool serves(const std::string& wanted) const {
    return connection && origin == wanted && steady_clock::now() - since <= kMaxIdle;
  }
};

// The request as it is sent.
std::string to_text(const HttpRequest& request, const Target& target) {
  const char* const method = request.form ? "POST" : request.put ? "PUT" : "GET";
  std::string text = fmt::format(
      "{} {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: ohip-poll\r\nAccept-Encoding: identity\r\n",
      method, target.path, target.host);
  bool accepts = false;
  for (const auto& [name, value] : request.headers) {
    accepts = accepts || name == "Accept";
    text += fmt::format("{}: {}\r\n", name, value);
  }
  if (!accepts) {
    text += "Accept: */*\r\n";
  }
  if (!target.login.empty()) {
    text += fmt::format("Authorization: Basic {}\r\n", base64(target.login));
  }
  if (request.form) {
    text += "Content-Type: application/x-www-form-urlencoded\r\n";
  }
  const std::optional<std::string>& body = request.form ? request.form : request.put;
  if (body) {
    text += fmt::format("Content-Length: {}\r\n", body->size());
  }
  return text + "\r\n" + body.value_or("");
}

// One request and what becomes of it.
class Exchange {
 public:
  // login: the proxy's, or null.
  Exchange(Route& route, CURLSH* shared, Login* login, const HttpRequest& request, Target target,
           Kept& kept)
      : route_(route),
        shared_(shared),
        login_(login),
        request_(request),
        target_(std::move(target)),
        kept_(kept) {}
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  // Until the request has left, each try is on another connection.
  HttpResponse run() {
    bool asked = false;
    for (int tries = 0; tries < kMaxConnections; ++tries) {
      if (is_over(request_)) {
        return unsent(Transfer::kUnreachable, kTimeIsOver);
      }
      if (const CURLcode code = connect(); code != CURLE_OK) {
        return failed(code);
      }
      if (login_ != nullptr) {
        login_->accepted();
      }
      if (!std::exchange(asked, true) && request_.on_send && !request_.on_send()) {
        return unsent(Transfer::kNotSent, "it was not to be sent");
      }
      if (is_fit()) {  // the last look: nothing comes between this and the sending
        return exchange();
      }
    }
    return unsent(
        Transfer::kUnreachable,
        "each connection ended, or had something in it, before the request could be sent");
  }

 private:
  CURLcode connect() {
    begin_ = steady_clock::now();
    if (kept_.serves(target_.origin)) {
      connection_ = std::move(kept_.connection);
      idle_since_ = kept_.since;
      return CURLE_OK;
    }
    kept_.connection.reset();
    connection_ = std::make_unique<Connection>(route_, shared_);
    const CURLcode code = connection_->open(request_.url, request_.connect_timeout, patience_);
    idle_since_ = steady_clock::now();
    return code;
  }

  HttpResponse failed(CURLcode code) const {
    if (connection_->is_refused_by_proxy()) {
      return unsent(Transfer::kProxyRefused, kProxyRefuses);
    }
    if (over_) {
      return unsent(Transfer::kUnreachable, kTimeIsOver);
    }
    if (timed_out_) {
      return unsent(Transfer::kUnreachable, fmt::format("no connection within {:%Q %q}",
                                                        seconds(request_.connect_timeout)));
    }
    return unsent(unmade(code), connection_->error());
  }

  bool is_fit() { return steady_clock::now() - idle_since_ <= kMaxIdle && connection_->is_quiet(); }

  HttpResponse exchange() {
    sent_ = true;
    begin_ = steady_clock::now();
    AnswerReader reader(request_.max_body, request_.on_body);
    const bool all_sent = connection_->send(to_text(request_, target_), patience_);
    const Connection::Got last = read(reader);  // a server may answer before it was told all
    reader.end(last == Connection::Got::kEnd, why(reader.response(), last));
    if (reader.keeps_connection() && all_sent && !request_.form && !request_.put) {
      kept_ = {std::move(connection_), target_.origin, steady_clock::now()};
    }
    return reader.take_response();
  }

  Connection::Got read(AnswerReader& reader) {
    std::vector<char> buffer(kPiece);
    Connection::Got got = Connection::Got::kBytes;
    while (!reader.done() && got == Connection::Got::kBytes) {
      std::string_view bytes;
      got = connection_->receive(buffer.data(), buffer.size(), bytes, patience_);
      reader.read(bytes);
    }
    return got;
  }

  std::string why(const HttpResponse& response, Connection::Got last) const {
    if (over_) {
      return kTimeIsOver;
    }
    if (timed_out_) {
      return fmt::format("no {} within {:%Q %q}", response.status == 0 ? "response" : "end",
                         seconds(request_.answer_timeout));
    }
    return last == Connection::Got::kEnd ? "the connection was closed" : connection_->error();
  }

  bool may_go_on() {
    timed_out_ =
        steady_clock::now() - begin_ > (sent_ ? request_.answer_timeout : request_.connect_timeout);
    over_ = !(sent_ && request_.takes) && is_over(request_);
    return !timed_out_ && !over_;
  }

  static std::chrono::duration<double> seconds(Milliseconds time) { return time; }

  Route& route_;
  CURLSH* shared_;
  Login* login_;
  const HttpRequest& request_;
  Target target_;
  Kept& kept_;
  Connection::Patience patience_ = [this] { return may_go_on(); };
  std::unique_ptr<Connection> connection_;
  SteadyPoint idle_since_;
  SteadyPoint begin_;  // of connecting, or of sending
  bool sent_ = false;
  bool timed_out_ = false;
  bool over_ = false;  // the run's time
};

// Who took a body in pieces has it as it was sent, and undoes its content codings.
void undo_codings(HttpResponse& response, const HttpRequest& request) {
  if (request.on_body && (response.success() || response.status == 0)) {
    return;
  }
  Uncoded body =
      undo_content_codings(response.body, response.success() ? request.max_body : kMaxErrorBody);
  if (body.text) {
    response.body = std::move(*body.text);
  }
  if (response.transfer == Transfer::kWhole && !(body.ended && body.flaw.empty())) {
    response.transfer = Transfer::kCutOff;
    response.error = body.flaw.empty() ? "its compression ends too early" : body.flaw;
  }
}

// Such as would end the header's line and begin another one.
bool has_control_character(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

const std::string* find_bad_header(const HttpRequest& request) {
  const auto bad =
      std::find_if(request.headers.begin(), request.headers.end(), [](const auto& header) {
        return has_control_character(header.first) || has_control_character(header.second);
      });
  return bad == request.headers.end() ? nullptr : &bad->first;
}

// Names and TLS sessions, from one connection to the next.
Share make_share() {
  static_cast<void>(make_easy());  // initializes libcurl
  Share share(curl_share_init());
  if (!share || curl_share_setopt(share.get(), CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS) != CURLSHE_OK ||
      curl_share_setopt(share.get(), CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION) != CURLSHE_OK) {
    fail(ExitStatus::kSoftware, "libcurl cannot share what it knows");
  }
  return share;
}

}  // namespace

struct CurlHttpClient::Impl {
  explicit Impl(Route wanted) : route(std::move(wanted)) {}

  HttpResponse send(const HttpRequest& request, const Target& target) {
    HttpResponse response = Exchange(route, share.get(), login(), request, target, kept).run();
    undo_codings(response, request);
    return response;
  }

  HttpResponse send_in_turn(const HttpRequest& request, const Target& target) {
    const SteadyPoint begin = steady_clock::now();
    const auto give_up = [&] {
      return steady_clock::now() - begin > request.connect_timeout || is_over(request);
    };
    switch (login()->enter(give_up)) {
      case Login::Turn::kRefused:
        return unsent(Transfer::kProxyRefused, kProxyRefuses);
      case Login::Turn::kGaveUp:
        return unsent(Transfer::kUnreachable, "the proxy has not let anybody through yet");
      case Login::Turn::kOffer:
        break;
    }
    const Handle<Login, leave> guard(login());
    HttpResponse response = send(request, target);
    if (response.transfer == Transfer::kProxyRefused) {
      login()->refused();
    }
    return response;
  }

  static void leave(Login* login) { login->leave(); }

  Login* login() const { return route.proxy.empty() ? nullptr : route.proxy_login.get(); }

  Route route;
  Share share = make_share();
  Kept kept;  // before what it shares is gone
};

CurlHttpClient::CurlHttpClient(Route route) : impl_(std::make_unique<Impl>(std::move(route))) {
  static_cast<void>(Connection(impl_->route));  // what libcurl refuses shows here
}

CurlHttpClient::~CurlHttpClient() = default;

HttpResponse CurlHttpClient::send(const HttpRequest& request) {
  if (const std::string* name = find_bad_header(request); name != nullptr) {
    return unsent(Transfer::kNotSent,
                  fmt::format("the value for header {} holds a control character", *name));
  }
  const std::optional<Target> target = parse_target(request.url);
  if (!target) {
    return unsent(Transfer::kNotSent, "its URL is none");
  }
  return impl_->login() == nullptr ? impl_->send(request, *target)
                                   : impl_->send_in_turn(request, *target);
}

std::string percent_encode(std::string_view text) {
  if (text.empty()) {
    return {};
  }
  const Handle<char, curl_free> encoded(
      curl_easy_escape(nullptr, text.data(), static_cast<int>(text.size())));
  if (!encoded) {
    throw std::bad_alloc();
  }
  return encoded.get();
}

}  // namespace ohip
