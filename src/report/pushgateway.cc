#include "report/pushgateway.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/digest.h"
#include "base/file.h"
#include "base/program.h"
#include "http/client.h"
#include "http/wording.h"
#include "report/exposition.h"
#include "report/metrics.h"
#include "report/tell.h"

namespace ohip {
namespace {

using namespace std::chrono_literals;

constexpr Milliseconds kTimeout = 3s;  // to connect, and then to answer

// The hotels of one job may change, and then it is still the same.
std::string served(const Config& config) {
  if (config.scope == QueueScope::kChain) {
    return "@chain";
  }
  if (config.shard.count > 1) {
    return fmt::format("@hotels {}/{}", config.shard.index, config.shard.count);
  }
  return config.hotels.size() == 1 ? config.hotels.front() : "@hotels";
}

// RFC 4648, 5.
std::string base64url(const std::string& text) {
  std::string encoded = base64(text);
  std::replace(encoded.begin(), encoded.end(), '+', '-');
  std::replace(encoded.begin(), encoded.end(), '/', '_');
  return encoded;
}

}  // namespace

PushIdentity push_identity(const Config& config) {
  const bool stream = program() == Program::kStream;
  const std::string label = stream ? config.chain : served(config);
  const std::string parent =
      stream ? config.gateway.name
             : fmt::format("{}/{}", config.gateway.name, config.external_system);
  return {std::string(program_name()), fmt::format("{}/{}", parent, label), label};
}

std::string push_url(const std::string& url, const PushIdentity& identity) {
  if (url.find("/metrics/job") != std::string::npos) {
    return url;
  }
  return fmt::format("{}/metrics/job@base64/{}/instance@base64/{}", url, base64url(identity.job),
                     base64url(identity.instance));
}

// A replay is begun by a person, and by no schedule that could be missed.
Pushgateway::Pushgateway(const Config& config, const Log& log) : config_(config), log_(log) {
  if (config.pushgateway_url.empty() || config.mode == Mode::kReplay) {
    return;
  }
  const PushIdentity identity = push_identity(config);
  url_ = push_url(config.pushgateway_url, identity);
  label_ = identity.label;
  if (config.spool_dir.empty()) {
    return;
  }
  // Without the password: a hash in a name could be guessed from.
  const std::string where =
      config.pushgateway_url.substr(config.pushgateway_url.rfind('@') + 1) + identity.instance;
  constexpr std::size_t kDigits = 12;
  file_ = config.spool_dir / fmt::format(".pushed-{}.prom", sha256_hex(where).substr(0, kDigits));
  try {
    last_ = read_figures(file_);
  } catch (const Error& error) {
    log_.info("the counters that are pushed begin at 0: {}", error.what());
  }
}

Pushgateway::~Pushgateway() {
  if (under_way_.valid()) {
    under_way_.wait();
  }
}

bool Pushgateway::is_busy() const {
  return under_way_.valid() && under_way_.wait_for(0s) != std::future_status::ready;
}

void Pushgateway::begin(const std::string& text) {
  keep(text);
  under_way_ = std::async(std::launch::async, [this, text] { put(text); });
}

void Pushgateway::push(const std::string& text) {
  if (under_way_.valid()) {
    under_way_.wait();
  }
  keep(text);
  put(text);
}

void Pushgateway::keep(const std::string& text) {
  last_ = text;
  if (file_.empty()) {
    return;
  }
  try {
    replace_file(file_, text, ExitStatus::kSpool);
  } catch (const std::exception& e) {
    log_.info("the next run's counters do not go on: {}", e.what());
  }
}

void Pushgateway::put(const std::string& text) {
  if (refused_) {
    return;
  }
  try {
    CurlHttpClient http(route_of_telling(config_, url_));
    HttpRequest request;
    request.url = url_;
    request.headers = {{"Content-Type", "text/plain; version=0.0.4"}};
    request.put = text;
    request.connect_timeout = kTimeout;
    request.answer_timeout = kTimeout;
    request.max_body = kMaxErrorBody;
    const HttpResponse response = http.send(request);
    refused_ = response.status == 401 || response.status == 403;
    if (!response.success()) {
      warn(response.status == 0 ? response.error : describe_answer(response));
    }
  } catch (const std::exception& e) {
    warn(e.what());
  }
}

void Pushgateway::warn(const std::string& why) {
  if (!std::exchange(warned_, true)) {
    log_.warning("the metrics are not pushed: {}", why);
  }
}

void push_metrics(const Config& config, const RunReport& report, TimePoint now,
                  const Log& log) noexcept {
  tell(log, "the metrics are not pushed", [&] {
    if (Pushgateway pushgateway(config, log); pushgateway.is_wanted()) {
      pushgateway.push(metrics_text(pushgateway.last(), pushgateway.label(), report, now));
    }
  });
}

}  // namespace ohip
