#include "http/client.h"

#include <curl/curl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <exception>
#include <new>

#include "base/handle.h"
#include "http/easy.h"

namespace ohip {
namespace {

using HeaderList = Handle<curl_slist, curl_slist_free_all>;

// A connection that idled for longer is not used again: the server may be closing it just now, and
// a GET that dies with it must be reported as a possible loss. Common servers wait for 5 s and
// more.
constexpr long kMaxIdleSeconds = 3;

// Keeps the connection known to routers on the way while OPERA is thinking.
constexpr long kKeepAliveSeconds = 30;

constexpr curl_off_t kMaxRetryAfter = 86'400;  // seconds

std::optional<std::string_view> header(CURL* easy, const char* name) {
  constexpr int kLastRequest = -1;
  curl_header* found = nullptr;
  if (curl_easy_header(easy, name, 0, CURLH_HEADER, kLastRequest, &found) != CURLHE_OK) {
    return std::nullopt;
  }
  return found->value;
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

// One request and what becomes of it; libcurl's callbacks are its methods. What the request's own
// callbacks throw waits in here until libcurl has returned.
class Exchange {
 public:
  Exchange(CURL* easy, const HttpRequest& request) : easy_(easy), request_(request) {
    set(easy, CURLOPT_PREREQFUNCTION, on_prereq);
    set(easy, CURLOPT_PREREQDATA, this);
    set(easy, CURLOPT_HEADERFUNCTION, on_header);
    set(easy, CURLOPT_HEADERDATA, this);
    set(easy, CURLOPT_WRITEFUNCTION, on_write);
    set(easy, CURLOPT_WRITEDATA, this);
    set(easy, CURLOPT_ERRORBUFFER, error_.data());
  }
  ~Exchange() { curl_easy_setopt(easy_, CURLOPT_ERRORBUFFER, nullptr); }
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  HttpResponse run() {
    const CURLcode code = curl_easy_perform(easy_);
    if (thrown_) {
      std::rethrow_exception(thrown_);
    }
    response_.transfer = transfer(code);
    if (response_.transfer != Transfer::kWhole) {
      response_.error = why(code);
    }
    if (const char* type = get<char*>(easy_, CURLINFO_CONTENT_TYPE); type != nullptr) {
      response_.content_type = type;
    }
    if (const auto wait = get<curl_off_t>(easy_, CURLINFO_RETRY_AFTER); wait > 0) {
      response_.retry_after = std::chrono::seconds(std::min(wait, kMaxRetryAfter));
    }
    return std::move(response_);
  }

 private:
  static int on_prereq(void* self, char* /*to*/, char* /*from*/, int /*to_port*/,
                       int /*from_port*/) noexcept {
    auto* exchange = static_cast<Exchange*>(self);
    return exchange->guarded([&] { return exchange->may_send(); }) ? CURL_PREREQFUNC_OK
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

  template <typename Function>
  bool guarded(Function function) noexcept {
    try {
      return function();
    } catch (...) {
      thrown_ = std::current_exception();
      return false;
    }
  }

  // libcurl asks again when a connection that it had kept died without a byte of an answer: it
  // would send the request a second time.
  bool may_send() {
    if (sent_) {
      return false;
    }
    sent_ = !request_.on_send || request_.on_send();
    return sent_;
  }

  bool take_header(std::string_view line) {
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
      body += piece.substr(0, kMaxErrorBody - body.size());
      return true;
    }
    too_large_ = piece.size() > kMaxBody - body.size();
    piece = piece.substr(0, kMaxBody - body.size());
    if (request_.on_body) {
      request_.on_body(piece);
    }
    body += piece;
    return !too_large_;
  }

  // Nothing came, and nothing says that there was nothing to come. libcurl takes a connection's end
  // for the answer's then, over TLS even without the farewell that tells it from a broken one. Nor
  // does it mind compression that ends too early, perhaps before its first byte; behind that byte
  // the JSON shows it.
  bool may_lack_body() const {
    const bool bytes_came = get<curl_off_t>(easy_, CURLINFO_SIZE_DOWNLOAD_T) > 0;
    return response_.success() && response_.status != 204 && response_.body.empty() &&
           (bytes_came ||
            (header(easy_, "Content-Length") != "0" && !header(easy_, "Transfer-Encoding")));
  }

  // libcurl is content with an answer that ends in its headers.
  Transfer transfer(CURLcode code) const {
    if (!sent_) {
      return unsent(code);
    }
    if (response_.status == 0) {
      return Transfer::kNoAnswer;
    }
    if (too_large_) {
      return Transfer::kTooLarge;
    }
    return code == CURLE_OK && head_ended_ && !may_lack_body() ? Transfer::kWhole
                                                               : Transfer::kCutOff;
  }

  std::string why(CURLcode code) const {
    if (too_large_) {
      return fmt::format("the answer is longer than {} MiB", kMaxBody >> 20);
    }
    if (code == CURLE_OPERATION_TIMEDOUT && sent_) {
      return fmt::format("no {} within {:%Q %q}", response_.status == 0 ? "answer" : "end",
                         std::chrono::duration<double>(request_.answer_timeout));
    }
    if (code == CURLE_ABORTED_BY_CALLBACK && sent_) {
      return "the connection was closed";
    }
    if (code == CURLE_OK) {
      return "the answer ends where its body should begin";
    }
    return error_[0] != '\0' ? error_.data() : curl_easy_strerror(code);
  }

  CURL* easy_;
  const HttpRequest& request_;
  HttpResponse response_;
  std::array<char, CURL_ERROR_SIZE> error_{};
  std::exception_ptr thrown_;
  bool sent_ = false;
  bool head_ended_ = false;
  bool too_large_ = false;
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
  set(easy, CURLOPT_MAXAGE_CONN, kMaxIdleSeconds);
  set(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  set(easy, CURLOPT_TCP_KEEPIDLE, kKeepAliveSeconds);
  set(easy, CURLOPT_TCP_KEEPINTVL, kKeepAliveSeconds);
  // Asks for no compression, and undoes it all the same.
  set(easy, CURLOPT_ACCEPT_ENCODING, "identity");
  set(easy, CURLOPT_USERAGENT, "ohip-poll");
}

void set_request(CURL* easy, const HttpRequest& request, const HeaderList& headers) {
  set(easy, CURLOPT_URL, request.url.c_str());
  set(easy, CURLOPT_HTTPHEADER, headers.get());
  set(easy, CURLOPT_CONNECTTIMEOUT_MS, long{request.connect_timeout.count()});
  set(easy, CURLOPT_TIMEOUT_MS, long{(request.connect_timeout + request.answer_timeout).count()});
  if (request.form) {
    set(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.form->size()));
    set(easy, CURLOPT_POSTFIELDS, request.form->data());
    set(easy, CURLOPT_POST, 1L);
  } else {
    set(easy, CURLOPT_HTTPGET, 1L);
  }
}

}  // namespace

struct CurlHttpClient::Impl {
  HttpResponse send(const HttpRequest& request) const {
    const HeaderList headers = header_list(request);
    set_request(easy.get(), request, headers);
    return Exchange(easy.get(), request).run();
  }

  Route route;
  Easy easy = make_easy();
};

CurlHttpClient::CurlHttpClient(Route route)
    : impl_(std::make_unique<Impl>(Impl{.route = std::move(route)})) {
  set_common(impl_->easy.get());
  set_route(impl_->easy.get(), impl_->route);
}

CurlHttpClient::~CurlHttpClient() = default;

HttpResponse CurlHttpClient::send(const HttpRequest& request) {
  if (const std::string* name = find_bad_header(request); name != nullptr) {
    HttpResponse response;
    response.error = fmt::format("the value for header {} holds a control character", *name);
    return response;
  }
  HttpResponse response = impl_->send(request);
  if (response.transfer == Transfer::kUntrusted && add_roots(impl_->easy.get(), impl_->route)) {
    response = impl_->send(request);  // the first was not sent
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
