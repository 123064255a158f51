#include "report/status_line.h"

#include <fmt/format.h>

#include "report/tell.h"

namespace ohip {
namespace {

using namespace std::chrono_literals;

constexpr auto kInterval = 250ms;

}  // namespace

StatusLine::StatusLine(std::size_t queues, const Deadline& deadline, const Log& log)
    : queues_(queues), deadline_(deadline), log_(log) {
  if (log.on_terminal()) {
    tell(log, "no progress is shown",
         [this] { thread_ = std::thread([this] { keep_showing(); }); });
  }
}

StatusLine::~StatusLine() {
  if (!thread_.joinable()) {
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    end_ = true;
  }
  ended_.notify_all();
  thread_.join();
  log_.status_line({});
}

void StatusLine::add(std::size_t polls, std::size_t delivered, bool done) {
  polls_ += polls;
  delivered_ += delivered;
  done_ += done ? 1U : 0U;
}

void StatusLine::keep_showing() {
  std::unique_lock lock(mutex_);
  while (!ended_.wait_for(lock, kInterval, [this] { return end_; })) {
    show();
  }
}

void StatusLine::show() const {
  const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - begin_;
  log_.status_line(fmt::format(
      "{} of {} queues, {} events, {:.0f}/s, {} polls, {:.0f}/min, {} s left", done_.load(),
      queues_, delivered_.load(), static_cast<double>(delivered_) / passed.count(), polls_.load(),
      60 * static_cast<double>(polls_) / passed.count(), deadline_.left().count() / 1'000));
}

}  // namespace ohip
