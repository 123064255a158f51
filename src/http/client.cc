#include "http/client.h"

#include <curl/curl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <exception>
#include <new>
#include <utility>

#include "base/content_coding.h"
#include "base/handle.h"
#include "base/login.h"
#include "base/secrets.h"
#include "base/text.h"
#include "http/connection.h"
#include "http/easy.h"

namespace ohip {
namespace {

using HeaderList = Handle<curl_slist, curl_slist_free_all>;

using std::chrono::steady_clock;

// A connection that idled for longer is not used: the server may be closing it just now, and a GET
// that dies with it must be reported as a possible loss. Servers wait for a second and more.
constexpr Milliseconds kMaxIdle{500};

// That are made for one request, if each one turns out to be unfit before it is sent.
constexpr int kMaxConnections = 3;

// Of all heads and trailers of an exchange. A proxy's own are not counted.
constexpr std::size_t kMaxHeaders = std::size_t{1} << 20;

// Keeps the connection known to routers on the way while OPERA is thinking.
constexpr long kKeepAliveSeconds = 30;

constexpr const char* kProxyRefuses = "the proxy refuses the user name and password, or wants them";

constexpr curl_off_t kMaxRetryAfter = 86'400;  // seconds

std::optional<std::string_view> header(CURL* easy, const char* name) {
  constexpr int kLastRequest = -1;
  curl_header* found = nullptr;
  if (curl_easy_header(easy, name, 0, CURLH_HEADER, kLastRequest, &found) != CURLHE_OK) {
    return std::nullopt;
  }
  return found->value;
}

// The proxy wants a user name and a password, and those that it was given are not the right ones.
bool proxy_refuses(CURL* easy) {
  constexpr long kProxyAuthenticationRequired = 407;
  return get<long>(easy, CURLINFO_HTTP_CONNECTCODE) == kProxyAuthenticationRequired ||
         get<long>(easy, CURLINFO_PROXY_ERROR) == CURLPX_USER_REJECTED;
}

bool is_over(const HttpRequest& request) {
  return request.deadline != nullptr && request.deadline->left() == Milliseconds::zero();
}

// Of a request that was never sent.
Transfer unsent(CURLcode code) {
  if (is_untrusted(code)) {
    return Transfer::kUntrusted;
  }
  switch (code) {
    case CURLE_ABORTED_BY_CALLBACK:
    case CURLE_OUT_OF_MEMORY:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
      return Transfer::kNotSent;
    default:
      return Transfer::kUnreachable;
  }
}

// What is left of the last exchange for the next one: perhaps its connection.
struct Last {
  bool ended_clearly = false;
  SteadyPoint end;

  bool keeps(SteadyPoint now) const { return ended_clearly && now - end <= kMaxIdle; }
};

// One request and what becomes of it; libcurl's callbacks are its methods. What the request's own
// callbacks throw waits in here until libcurl has returned.
class Exchange {
 public:
  // login: the proxy's, or null.
  Exchange(CURL* easy, Connection& connection, Login* login, const HttpRequest& request, Last& last)
      : easy_(easy), connection_(connection), login_(login), request_(request), last_(last) {
    set(easy, CURLOPT_PREREQFUNCTION, on_prereq);
    set(easy, CURLOPT_PREREQDATA, this);
    set(easy, CURLOPT_HEADERFUNCTION, on_header);
    set(easy, CURLOPT_HEADERDATA, this);
    set(easy, CURLOPT_WRITEFUNCTION, on_write);
    set(easy, CURLOPT_WRITEDATA, this);
    set(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
    set(easy, CURLOPT_XFERINFODATA, this);
    set(easy, CURLOPT_NOPROGRESS, 0L);
    set(easy, CURLOPT_ERRORBUFFER, error_.data());
  }
  ~Exchange() { curl_easy_setopt(easy_, CURLOPT_ERRORBUFFER, nullptr); }
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  HttpResponse run() {
    const CURLcode code = perform();
    if (thrown_) {
      std::rethrow_exception(thrown_);
    }
    response_.transfer = transfer(code);
    last_ = {.ended_clearly = ends_clearly(code), .end = steady_clock::now()};
    if (response_.transfer != Transfer::kWhole) {
      response_.error = why(code);
    }
    response_.delimited = response_.transfer == Transfer::kWhole && tells_end();
    undo_codings();
    if (const char* type = get<char*>(easy_, CURLINFO_CONTENT_TYPE); type != nullptr) {
      response_.content_type = type;
    }
    response_.location = header(easy_, "Location").value_or("");
    if (const auto wait = get<curl_off_t>(easy_, CURLINFO_RETRY_AFTER); wait > 0) {
      response_.retry_after = std::chrono::seconds(std::min(wait, kMaxRetryAfter));
    }
    return std::move(response_);
  }

 private:
  static int on_prereq(void* self, char* /*to*/, char* /*from*/, int /*to_port*/,
                       int from_port) noexcept {
    auto* exchange = static_cast<Exchange*>(self);
    return exchange->guarded([&] { return exchange->may_send(from_port); }) ? CURL_PREREQFUNC_OK
                                                                            : CURL_PREREQFUNC_ABORT;
  }
  static std::size_t on_header(char* data, std::size_t /*always 1*/, std::size_t size,
                               void* self) noexcept {
    auto* exchange = static_cast<Exchange*>(self);
    const std::string_view line(data, size);
    return exchange->guarded([&] { return exchange->take_header(line); }) ? size : 0;
  }
  static std::size_t on_write(char* data, std::size_t /*always 1*/, std::size_t size,
                              void* self) noexcept {
    auto* exchange = static_cast<Exchange*>(self);
    const std::string_view piece(data, size);
    return exchange->guarded([&] { return exchange->take_body(piece); }) ? size : 0;
  }

  // libcurl calls this about once a second, and more often while something happens.
  static int on_progress(void* self, curl_off_t /*to come*/, curl_off_t /*came*/,
                         curl_off_t /*to go*/, curl_off_t /*went*/) noexcept {
    constexpr int kAbort = 1;
    auto* exchange = static_cast<Exchange*>(self);
    return exchange->guarded([&] { return exchange->may_go_on(); }) ? 0 : kAbort;
  }

  template <typename Function>
  bool guarded(Function function) noexcept {
    try {
      return function();
    } catch (...) {
      thrown_ = std::current_exception();
      return false;
    }
  }

  // Until the request has left, each try is on another connection.
  CURLcode perform() {
    for (int connection = 1;; ++connection) {
      begin_ = steady_clock::now();
      unfit_ = false;
      set(easy_, CURLOPT_FRESH_CONNECT, connection > 1 || !last_.keeps(begin_) ? 1L : 0L);
      set(easy_, CURLOPT_TIMEOUT_MS,
          long{(request_.connect_timeout + request_.answer_timeout).count()});
      const CURLcode code = curl_easy_perform(easy_);
      if (!unfit_ || connection == kMaxConnections) {
        return code;
      }
    }
  }

  // libcurl asks again when a connection that it had kept died without a byte of an answer: it
  // would send the request a second time.
  bool may_send(int local_port) {
    if (sent_) {
      return false;
    }
    connection_.choose(local_port);
    if (login_ != nullptr) {
      login_->accepted();
    }
    const SteadyPoint last_used = connection_.is_kept() ? last_.end : steady_clock::now();
    if (!std::exchange(asked_, true) && request_.on_send && !request_.on_send()) {
      return false;
    }
    unfit_ = !is_fit(last_used);  // the last look: nothing comes between this and the sending
    if (unfit_) {
      return false;
    }
    sent_ = true;
    sent_at_ = steady_clock::now();
    const auto passed = std::chrono::ceil<Milliseconds>(sent_at_ - begin_);
    set(easy_, CURLOPT_TIMEOUT_MS, long{(passed + request_.answer_timeout).count()});
    return true;
  }

  // On a fresh connection a TLS server's session tickets may wait.
  bool is_fit(SteadyPoint last_used) const {
    return steady_clock::now() - last_used <= kMaxIdle &&
           !(connection_.is_kept() ? connection_.has_input() : connection_.has_ended());
  }

  // What libcurl's own time-outs do not end: it does not look at them while data comes, and knows
  // nothing of the run's end.
  bool may_go_on() {
    const SteadyPoint now = steady_clock::now();
    const bool late =
        sent_ ? now - sent_at_ > request_.answer_timeout : now - begin_ > request_.connect_timeout;
    if (now >= next_look_) {
      constexpr Milliseconds kInterval{20};
      next_look_ = now + kInterval;
      over_ = !(sent_ && request_.takes) && is_over(request_);
    }
    timed_out_ = timed_out_ || late;
    return !late && !over_;
  }

  bool take_header(std::string_view line) {
    header_bytes_ += line.size();
    if (header_bytes_ > kMaxHeaders) {
      return false;
    }
    if (line.starts_with("HTTP/")) {
      head_ended_ = false;
      take_status(line);
    } else if (line == "\r\n" || line == "\n") {
      head_ended_ = true;
    }
    return true;
  }

  // An interim answer (1xx) is none.
  void take_status(std::string_view line) {
    const auto status = static_cast<int>(get<long>(easy_, CURLINFO_RESPONSE_CODE));
    if (status < 200) {
      return;
    }
    response_.status = status;
    const std::size_t code = line.find(' ');
    const std::size_t reason = line.find(' ', code + 1);
    if (code != std::string_view::npos && reason != std::string_view::npos) {
      response_.reason = line.substr(reason + 1);
    }
  }

  bool take_body(std::string_view piece) {
    std::string& body = response_.body;
    if (!response_.success()) {
      enough_ = piece.size() > kMaxErrorBody - body.size();
      body += piece.substr(0, kMaxErrorBody - body.size());
      return !enough_;
    }
    const std::size_t room = request_.max_body - body.size();
    too_large_ = piece.size() > room;
    piece = piece.substr(0, room);
    if (request_.on_body) {
      request_.on_body(piece);
    }
    body += piece;
    return !too_large_;
  }

  // Whether the head says where the body ends. Without that libcurl takes the connection's end for
  // the answer's, over TLS even without the farewell that tells it from a broken one; and "0{1" for
  // a length.
  bool tells_end() const {
    const std::string_view length = header(easy_, "Content-Length").value_or("");
    const std::string coding(header(easy_, "Transfer-Encoding").value_or(""));
    return response_.status == 204 || lower_case(coding).ends_with("chunked") ||
           (!length.empty() && length.find_first_not_of("0123456789") == std::string_view::npos);
  }

  // Nothing came, and nothing says that there was nothing to come.
  bool may_lack_body() const {
    return response_.success() && response_.body.empty() && !tells_end();
  }

  // What came in pieces was handed on as it was sent; whoever took it undoes them.
  void undo_codings() {
    if (response_.success() && request_.on_body) {
      return;
    }
    Uncoded body = undo_content_codings(response_.body,
                                        response_.success() ? request_.max_body : kMaxErrorBody);
    if (body.text) {
      response_.body = std::move(*body.text);
    }
    if (response_.transfer == Transfer::kWhole && !(body.ended && body.flaw.empty())) {
      response_.transfer = Transfer::kCutOff;
      response_.error = body.flaw.empty() ? "its compression ends too early" : body.flaw;
    }
  }

  // Whether what comes next on this connection can only be the next answer. Of where an answer ends
  // that bears no body, and a head that promises one, or says it twice, servers have other opinions
  // than libcurl. Tokens are asked for once in 50 minutes, of another program than polls.
  bool ends_clearly(CURLcode code) const {
    const bool bodyless = response_.status == 204 || response_.status == 304;
    const bool has_length = header(easy_, "Content-Length").value_or("0") != "0";
    const bool has_coding = header(easy_, "Transfer-Encoding").has_value();
    return code == CURLE_OK && head_ended_ && !request_.form && !request_.put &&
           !(bodyless ? has_length || has_coding : has_length && has_coding);
  }

  // libcurl is content with an answer that ends in its headers.
  Transfer transfer(CURLcode code) const {
    if (!sent_ && proxy_refuses(easy_)) {
      return Transfer::kProxyRefused;
    }
    if (!sent_) {
      return unfit_ || timed_out_ || over_ ? Transfer::kUnreachable : unsent(code);
    }
    if (response_.status == 0) {
      return Transfer::kNoAnswer;
    }
    if (too_large_) {
      return Transfer::kTooLarge;
    }
    if (enough_) {
      return Transfer::kWhole;
    }
    return code == CURLE_OK && head_ended_ && !may_lack_body() ? Transfer::kWhole
                                                               : Transfer::kCutOff;
  }

  std::string why(CURLcode code) const {
    if (too_large_) {
      return fmt::format("the response is longer than {} bytes", request_.max_body);
    }
    if (header_bytes_ > kMaxHeaders) {
      return fmt::format("its head and trailers are longer than {} bytes", kMaxHeaders);
    }
    if (response_.transfer == Transfer::kProxyRefused) {
      return kProxyRefuses;
    }
    if (unfit_) {
      return "each connection ended before the request could be sent";
    }
    if (over_) {
      return "the run's time is over";
    }
    if ((timed_out_ || code == CURLE_OPERATION_TIMEDOUT) && sent_) {
      return fmt::format("no {} within {:%Q %q}", response_.status == 0 ? "response" : "end",
                         std::chrono::duration<double>(request_.answer_timeout));
    }
    if (timed_out_) {
      return fmt::format("no connection within {:%Q %q}",
                         std::chrono::duration<double>(request_.connect_timeout));
    }
    if (code == CURLE_ABORTED_BY_CALLBACK && sent_) {
      return "the connection was closed";
    }
    if (code == CURLE_OK) {
      return "the response ends where its body should begin";
    }
    return masked(error_[0] != '\0' ? error_.data() : curl_easy_strerror(code));
  }

  CURL* easy_;
  Connection& connection_;
  Login* login_;
  const HttpRequest& request_;
  Last& last_;
  HttpResponse response_;
  std::array<char, CURL_ERROR_SIZE> error_{};
  std::exception_ptr thrown_;
  SteadyPoint begin_;  // of this try
  SteadyPoint sent_at_;
  SteadyPoint next_look_;  // at the deadline
  std::size_t header_bytes_ = 0;
  bool asked_ = false;  // whether it may be sent
  bool unfit_ = false;  // the connection, which is then closed
  bool sent_ = false;
  bool head_ended_ = false;
  bool enough_ = false;  // of an error's body
  bool too_large_ = false;
  bool timed_out_ = false;
  bool over_ = false;  // the run's time
};

void append(HeaderList& list, const std::string& line) {
  curl_slist* longer = curl_slist_append(list.get(), line.c_str());
  if (longer == nullptr) {
    throw std::bad_alloc();
  }
  static_cast<void>(list.release());  // now part of the longer one
  list.reset(longer);
}

HeaderList header_list(const HttpRequest& request) {
  HeaderList list;
  append(list, "Accept-Encoding: identity");
  for (const auto& [name, value] : request.headers) {
    append(list, fmt::format("{}: {}", name, value));
  }
  return list;
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

void set_common(CURL* easy) {
  set(easy, CURLOPT_NOSIGNAL, 1L);
  set(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  set(easy, CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_1_1});
  set(easy, CURLOPT_HTTP09_ALLOWED, 0L);
  set(easy, CURLOPT_FOLLOWLOCATION, 0L);
  set(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  set(easy, CURLOPT_MAXCONNECTS, 1L);
  set(easy, CURLOPT_QUICK_EXIT, 1L);  // do not wait for a resolver that does not answer
  set(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  set(easy, CURLOPT_TCP_KEEPIDLE, kKeepAliveSeconds);
  set(easy, CURLOPT_TCP_KEEPINTVL, kKeepAliveSeconds);
  // What comes is kept as it was sent; libcurl would refuse a body whose coding it cannot undo.
  set(easy, CURLOPT_HTTP_CONTENT_DECODING, 0L);
  set(easy, CURLOPT_USERAGENT, "ohip-poll");
}

void set_request(CURL* easy, const HttpRequest& request, const HeaderList& headers) {
  set(easy, CURLOPT_URL, request.url.c_str());
  set(easy, CURLOPT_HTTPHEADER, headers.get());
  set(easy, CURLOPT_CONNECTTIMEOUT_MS, long{request.connect_timeout.count()});
  set(easy, CURLOPT_CUSTOMREQUEST, request.put ? "PUT" : nullptr);
  if (const auto& body = request.form ? request.form : request.put; body) {
    set(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body->size()));
    set(easy, CURLOPT_POSTFIELDS, body->data());
    set(easy, CURLOPT_POST, 1L);
  } else {
    set(easy, CURLOPT_HTTPGET, 1L);
  }
}

}  // namespace

struct CurlHttpClient::Impl {
  HttpResponse send(const HttpRequest& request) {
    const HeaderList headers = header_list(request);
    set_request(easy.get(), request, headers);
    return Exchange(easy.get(), connection, login(), request, last).run();
  }

  HttpResponse send_in_turn(const HttpRequest& request) {
    const SteadyPoint begin = steady_clock::now();
    const auto give_up = [&] {
      return steady_clock::now() - begin > request.connect_timeout || is_over(request);
    };
    HttpResponse response;
    switch (login()->enter(give_up)) {
      case Login::Turn::kRefused:
        response.transfer = Transfer::kProxyRefused;
        response.error = kProxyRefuses;
        return response;
      case Login::Turn::kGaveUp:
        response.transfer = Transfer::kUnreachable;
        response.error = "the proxy has not let anybody through yet";
        return response;
      case Login::Turn::kOffer:
        break;
    }
    const Handle<Login, leave> guard(login());
    response = send(request);
    if (response.transfer == Transfer::kProxyRefused) {
      login()->refused();
    }
    return response;
  }

  static void leave(Login* login) { login->leave(); }

  Login* login() const { return route.proxy.empty() ? nullptr : route.proxy_login.get(); }

  Route route;
  Connection connection;
  Easy easy = make_easy();
  Last last;
};

CurlHttpClient::CurlHttpClient(Route route) : impl_(std::make_unique<Impl>()) {
  impl_->route = std::move(route);
  set_common(impl_->easy.get());
  set_route(impl_->easy.get(), impl_->route);
  impl_->connection.watch(impl_->easy.get());
}

CurlHttpClient::~CurlHttpClient() = default;

HttpResponse CurlHttpClient::send(const HttpRequest& request) {
  if (const std::string* name = find_bad_header(request); name != nullptr) {
    HttpResponse response;
    response.error = fmt::format("the value for header {} holds a control character", *name);
    return response;
  }
  const auto send_once = [&] {
    return impl_->login() == nullptr ? impl_->send(request) : impl_->send_in_turn(request);
  };
  HttpResponse response = send_once();
  if (response.transfer == Transfer::kUntrusted && add_roots(impl_->easy.get(), impl_->route)) {
    response = send_once();  // the first was not sent
  }
  return response;
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
