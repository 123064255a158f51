#include "ohip/oauth.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <string_view>

#include "base/digest.h"
#include "base/secrets.h"
#include "http/backoff.h"
#include "http/wording.h"

namespace ohip {
namespace fs = std::filesystem;
namespace {

using namespace std::chrono_literals;

// Errors of the cache are never seen by anyone.
constexpr ExitStatus kOnError = ExitStatus::kSpool;

constexpr Milliseconds kConnectTimeout = 10s;
constexpr Milliseconds kAnswerTimeout = 30s;

// Oracle's tokens have some 2 KB.
constexpr std::size_t kMaxAnswer = std::size_t{64} << 10;

// Names the gateway and the credentials, and tells nothing about them.
std::string fingerprint(const Gateway& gateway, const Credentials& c) {
  constexpr std::size_t kDigits = 32;
  std::string text;
  for (const std::string& part :
       std::initializer_list<std::string>{gateway.url, c.client_id, c.client_secret, c.app_key,
                                          c.enterprise_id, c.scope, c.username, c.password}) {
    text += fmt::format("{}:{}", part.size(), part);
  }
  return sha256_hex(text).substr(0, kDigits);
}

bool is_private(const struct stat& file) {
  return file.st_uid == geteuid() && (file.st_mode & 0077) == 0;
}

// Empty for a file that others could read or have made.
std::string read_private_file(const fs::path& path) {
  constexpr std::size_t kMaxSize = std::size_t{64} << 10;
  const UniqueFd fd = open_file(path, O_RDONLY | O_NONBLOCK, kOnError);
  struct stat file = {};
  if (fstat(fd.get(), &file) != 0 || !is_private(file)) {
    return {};
  }
  std::string content(kMaxSize, '\0');
  const ssize_t size = read(fd.get(), content.data(), content.size());
  content.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  return content;
}

// Asking for a token again takes nothing from anyone.
bool is_worth_another_try(const HttpResponse& response) {
  return was_not_sent(response) || response.status == 429 || response.status >= 500 ||
         response.transfer == Transfer::kNoAnswer ||
         (response.success() && response.transfer == Transfer::kCutOff);
}

Error no_token(const HttpResponse& response) {
  if (response.status == 0 && response.transfer != Transfer::kNoAnswer) {
    return unsent_error(response);
  }
  const std::string answer = response.status == 0 ? response.error : describe_answer(response);
  if (is_worth_another_try(response)) {
    return {ExitStatus::kUnavailable, "OHIP gave no access token: " + answer,
            "nothing was taken, the next run tries again"};
  }
  if (response.status >= 400 && response.status <= 403) {
    return {
        ExitStatus::kRefused, "OHIP refuses the credentials: " + answer,
        "check OHIP_CLIENT_ID, OHIP_CLIENT_SECRET, OHIP_APP_KEY, OHIP_ENTERPRISE_ID, OHIP_SCOPE "
        "and, if set, OHIP_USERNAME and OHIP_PASSWORD; this run does not try them again, "
        "because accounts lock"};
  }
  return {ExitStatus::kConfig,
          "the gateway answers a request for an access token, but not as OHIP does: " + answer,
          "check OHIP_GATEWAY_URL"};
}

}  // namespace

OAuth::OAuth(const Gateway& gateway, const Credentials& credentials, const fs::path& directory,
             Clock& clock, const Deadline& deadline)
    : gateway_(gateway),
      credentials_(credentials),
      cache_file_(directory / fmt::format(".token-{}.json", fingerprint(gateway, credentials))),
      clock_(clock),
      deadline_(deadline) {}

std::string OAuth::token(HttpClient& http) {
  const std::size_t failed_before = failures_;
  const std::lock_guard guard(mutex_);
  if (refusal_) {
    throw Error(*refusal_);
  }
  if (failures_ != failed_before) {  // while this thread waited
    throw Error(*failure_);
  }
  if (!token_ || !token_->usable(clock_.now())) {
    token_ = load();
  }
  if (!token_) {
    token_ = renew(http);
  }
  return token_->value;
}

void OAuth::forget(const std::string& refused) {
  const std::lock_guard guard(mutex_);
  const std::optional<AccessToken> cached = load();
  if (cached && cached->value == refused) {
    std::error_code ignored;
    fs::remove(cache_file_, ignored);
  }
  if (token_ && token_->value == refused) {
    token_.reset();
  }
}

void OAuth::refuse(const Error& error) {
  const std::lock_guard guard(mutex_);
  refusal_ = error;
}

std::size_t OAuth::fetches() const {
  const std::lock_guard guard(mutex_);
  return fetches_;
}

std::optional<AccessToken> OAuth::load() const {
  try {
    check_own_directory(cache_file_.parent_path(), kOnError);
    const std::optional<AccessToken> token = read_token(read_private_file(cache_file_));
    if (token) {
      keep_secret(token->value);
    }
    return token && token->usable(clock_.now()) ? token : std::nullopt;
  } catch (const Error&) {
    return std::nullopt;
  }
}

void OAuth::store(const AccessToken& token) const {
  try {
    check_own_directory(cache_file_.parent_path(), kOnError);
    replace_file(cache_file_, write_token(token), kOnError);
  } catch (const Error&) {
    // The next run asks for a token of its own.
  }
}

AccessToken OAuth::renew(HttpClient& http) {
  const std::optional<UniqueFd> held = lock();
  if (std::optional<AccessToken> renewed_by_another_run = load()) {
    return *renewed_by_another_run;
  }
  AccessToken token = fetch(http);
  store(token);
  return token;
}

// Nothing where there is no locking, or the holder takes longer than a token call ever does.
std::optional<UniqueFd> OAuth::lock() {
  constexpr Milliseconds kInterval = 50ms;
  try {
    check_own_directory(cache_file_.parent_path(), kOnError);
    const fs::path path = fs::path(cache_file_).replace_extension(".lock");
    for (auto waited = 0ms; waited < kAnswerTimeout; waited += kInterval) {
      std::optional<UniqueFd> held = try_lock(path, kOnError);
      if (held || deadline_.left() == 0ms) {
        return held;
      }
      clock_.sleep(kInterval);
    }
  } catch (const Error&) {
    // At worst another run asks for a token at the same time.
  }
  return std::nullopt;
}

AccessToken OAuth::fetch(HttpClient& http) {
  for (int attempt = 1;; ++attempt) {
    ++fetches_;
    const HttpResponse response = http.send(request());
    if (response.success() && response.transfer == Transfer::kWhole) {
      if (std::optional<AccessToken> token = parse_token_answer(response.body, clock_.now())) {
        keep_secret(token->value);
        return *token;
      }
    }
    if (is_worth_another_try(response) && wait_for_next_try(response, attempt, clock_, deadline_)) {
      continue;
    }
    const Error error = no_token(response);
    if (error.status() != ExitStatus::kUnavailable) {
      refusal_ = error;
    }
    failure_ = error;
    ++failures_;
    throw Error(error);
  }
}

HttpRequest OAuth::request() const {
  const Credentials& c = credentials_;
  HttpRequest request;
  request.url = gateway_.url + "/oauth/v1/tokens";
  request.headers = {{"Authorization", "Basic " + base64(c.client_id + ":" + c.client_secret)},
                     {"x-app-key", c.app_key},
                     {"Accept", "application/json"}};
  request.connect_timeout = kConnectTimeout;
  request.answer_timeout = kAnswerTimeout;
  request.deadline = &deadline_;
  request.max_body = kMaxAnswer;
  if (c.password_grant()) {
    request.form = fmt::format("grant_type=password&username={}&password={}",
                               percent_encode(c.username), percent_encode(c.password));
  } else {
    request.headers.emplace_back("enterpriseId", c.enterprise_id);
    request.form = "grant_type=client_credentials&scope=" + percent_encode(c.scope);
  }
  return request;
}

}  // namespace ohip
