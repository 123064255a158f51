#include "fn/server.h"

#include <httplib.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <future>
#include <string_view>
#include <thread>
#include <utility>

#include "base/error.h"

namespace ohip {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

// The contract sets no time-outs for reading and writing. An idle connection closed by us just when
// Fn sends the next call on it would make Fn kill the container.
constexpr auto kForEver = std::chrono::hours(24 * 365);
constexpr std::size_t kCallsPerConnection = 1'000'000'000;

fs::path socket_path(const std::string& listener) {
  constexpr std::string_view kScheme = "unix:";
  if (!listener.starts_with("unix:/")) {
    throw Error(ExitStatus::kConfig,
                fmt::format("FN_LISTENER is '{}', not unix: and a path", listener),
                "ohip-poll-fn is started by OCI Functions or an Fn server; from a shell use "
                "ohip-poll");
  }
  return listener.substr(kScheme.size());
}

// The path that a socket is bound to; empty for anything else.
std::string bound_path(int fd) {
  sockaddr_un address = {};
  socklen_t size = sizeof address;
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the sockets API
  const bool known = getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  return known && address.sun_family == AF_UNIX ? static_cast<const char*>(address.sun_path) : "";
}

// httplib keeps its sockets to itself, and waits for the next request on a connection for as long
// as it was told to. Shut down for reading, the one that listens accepts no more, and a connection
// ends.
void stop_reading(const fs::path& path) {
  for (const auto& entry : fs::directory_iterator("/proc/self/fd")) {
    const int fd = std::stoi(entry.path().filename());
    if (bound_path(fd) == path) {
      shutdown(fd, SHUT_RD);
    }
  }
}

// A body says nothing to us, whatever it is said to be: httplib would take a form apart or undo a
// coding, and refuse what it cannot, with a status that makes Fn kill the container. Legal:
// httplib's own request is not const.
void forget_what_the_body_is(const httplib::Request& request) {
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast): the handlers have no other way
  auto& incoming = const_cast<httplib::Request&>(request);
  incoming.headers.erase("Content-Type");
  incoming.headers.erase("Content-Encoding");
}

bool has_body(const httplib::Request& request) {
  const std::string length = request.get_header_value("Content-Length");
  return (!length.empty() && length != "0") || request.has_header("Transfer-Encoding");
}

}  // namespace

struct FnServer::Impl {
  Impl(fs::path listener, FnHandler answer)
      : link(std::move(listener)), socket(link.parent_path() / ".fn"), handler(std::move(answer)) {
    http.new_task_queue = [] { return new httplib::ThreadPool(1); };  // one call at a time
    http.set_address_family(AF_UNIX);
    http.set_socket_options([](auto) {});  // httplib's default ones are TCP's
    http.set_keep_alive_max_count(kCallsPerConnection);
    http.set_keep_alive_timeout(std::chrono::seconds(kForEver).count());
    http.set_read_timeout(kForEver);
    http.set_write_timeout(kForEver);
    http.set_logger([this](const auto&, const auto&) { answering = false; });  // it is written
    install_handlers();
  }

  void install_handlers();
  void call(const httplib::Request& request, httplib::Response& response);
  void bind();
  void remove_socket() const;

  fs::path link;    // what FN_LISTENER names
  fs::path socket;  // beside it
  FnHandler handler;
  std::atomic<bool> answering = false;
  httplib::Server http;
};

// httplib waits in vain for the body of a POST that announces none: answered before it looks.
void FnServer::Impl::install_handlers() {
  http.set_pre_routing_handler(
      [this](const httplib::Request& request, httplib::Response& response) {
        forget_what_the_body_is(request);
        if (request.method != "POST" || request.path != "/call" || has_body(request)) {
          return httplib::Server::HandlerResponse::Unhandled;
        }
        call(request, response);
        return httplib::Server::HandlerResponse::Handled;
      });
  http.Post("/call", [this](const httplib::Request& request, httplib::Response& response,
                            const httplib::ContentReader& read) {
    if (read([](const char*, std::size_t) { return true; })) {
      call(request, response);
    }
  });
}

void FnServer::Impl::call(const httplib::Request& request, httplib::Response& response) {
  answering = true;
  const FnCall call{.id = request.get_header_value("Fn-Call-Id"),
                    .deadline = request.get_header_value("Fn-Deadline"),
                    .http_request = request.get_header_value("Fn-Intent") == "httprequest"};
  const FnAnswer answer = handler(call);
  const int status = static_cast<int>(answer.status);
  // A gateway passes this status and the body on; from Fn itself a body comes with 200 alone.
  response.set_header("Fn-Http-Status", std::to_string(status));
  response.status = call.http_request ? static_cast<int>(FnStatus::kDone) : status;
  response.set_content(answer.json, "application/json");
}

// Fn connects as soon as it sees the name, as a user of its own.
void FnServer::Impl::bind() {
  remove_socket();
  constexpr int kNoPort = 1;  // unused; 0 would have httplib look for one
  if (!http.bind_to_port(socket, kNoPort)) {
    fail(ExitStatus::kConfig, "cannot listen on {}: {}", socket.string(),
         std::generic_category().message(errno));
  }
  constexpr auto kReadWrite = static_cast<fs::perms>(0666);
  fs::permissions(socket, kReadWrite);
  fs::create_symlink(socket.filename(), link);
}

void FnServer::Impl::remove_socket() const {
  std::error_code absent;
  fs::remove(link, absent);
  fs::remove(socket, absent);
}

FnServer::FnServer(const std::string& listener, FnHandler handler)
    : impl_(std::make_unique<Impl>(socket_path(listener), std::move(handler))) {
  impl_->bind();
}

FnServer::~FnServer() {
  impl_->remove_socket();
}

void FnServer::serve(const Stop& stop) {
  const auto served =
      std::async(std::launch::async, [this] { return impl_->http.listen_after_bind(); });
  while (served.wait_for(0s) != std::future_status::ready) {
    stop.wait(1s);
    if (stop.requested() && !impl_->answering) {
      stop_reading(impl_->socket);  // again and again: one may just be being accepted
    }
    if (stop.requested()) {
      std::this_thread::sleep_for(5ms);
    }
  }
  if (!stop.requested()) {
    fail(ExitStatus::kSoftware, "{} accepts no more connections", impl_->socket.string());
  }
}

}  // namespace ohip
