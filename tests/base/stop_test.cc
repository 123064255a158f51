#include "base/stop.h"

#include <csignal>

#include "support/catch.h"

using namespace ohip;
using namespace std::chrono_literals;

namespace {

// For its lifetime.
class Disposition {
 public:
  Disposition(int number, void (*handler)(int)) : number_(number) {
    struct sigaction action = {};
    action.sa_handler = handler;
    sigaction(number, &action, &before_);
  }
  ~Disposition() { sigaction(number_, &before_, nullptr); }
  Disposition(const Disposition&) = delete;
  Disposition& operator=(const Disposition&) = delete;

 private:
  int number_;
  struct sigaction before_ = {};
};

}  // namespace

TEST_CASE("a signal to end asks for a stop, and ends a wait") {
  const int number = GENERATE(SIGTERM, SIGINT, SIGHUP);
  const Disposition usual(number, SIG_DFL);
  const Stop stop;
  CHECK_FALSE(stop.requested());
  raise(number);
  stop.wait(1h);
  CHECK(stop.requested());
}

TEST_CASE("a signal that was ignored stays so, as nohup and a shell's background want it") {
  const int number = GENERATE(SIGTERM, SIGINT, SIGHUP);
  const Disposition ignored(number, SIG_IGN);
  const Stop stop;
  raise(number);
  CHECK_FALSE(stop.requested());
}
