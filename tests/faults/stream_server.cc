// OHIP's Streaming API closes, breaks, repeats and delays under an ohip-stream.

#include <fmt/format.h>

#include "faults/classes.h"
#include "faults/stream_trial.h"

namespace ohip::faults {
namespace {

constexpr std::size_t kEvents = 300;

struct Fault {
  std::string parameters;
  int status = 0;            // of the run that it happens to
  bool two_minutes = false;  // the client waits so long
};

// What a run ends with that was closed so; after the other codes it goes on by itself.
int status_of(int code) {
  switch (code) {
    case 4400:
      return 78;
    case 4403:
      return 77;
    case 4429:
      return 70;
    default:
      return 0;
  }
}

std::vector<Fault> codes_and_cuts() {
  std::vector<Fault> all;
  for (const int code :
       {4400, 4401, 4403, 4408, 4409, 4429, 1000, 1001, 1011, 1012, 1013, 4499, 4500, 4504}) {
    for (const char* where : {"on=event&after=150", "on=event", "on=subscribe"}) {
      all.push_back(
          {fmt::format("kind=code&code={}&{}", code, where), status_of(code), code == 4409});
    }
  }
  for (const int after : {0, 1, 2, 50, 149, 299}) {  // 1006
    for (const int bytes : {0, 1, 200}) {
      all.push_back({fmt::format("kind=cut&on=event&after={}&bytes={}", after, bytes)});
    }
  }
  return all;
}

// One of a kind each: a quick run leaves none out.
const std::vector<Fault> kOthers = {
    {"kind=cut&on=subscribe"},
    {"kind=repeat&on=event&after=10&count=20"},
    {"kind=repeat&on=event&after=10&times=3&count=5"},
    {"kind=delay&on=event&after=100&ms=1500&count=2"},
    {"kind=delay&on=subscribe&ms=1500"},
    {"kind=stall&on=event&after=100&ms=1500"},
    {"kind=delay&on=complete&ms=1500"},
    {"kind=code&code=1011&on=complete"},
    {"kind=cut&on=complete"},
};

std::vector<Fault> chosen(std::size_t stride) {
  std::vector<Fault> chosen = kOthers;
  const std::vector<Fault> all = codes_and_cuts();
  for (std::size_t i = 0; i < all.size(); i += stride) {
    if (stride == 1 || !all[i].two_minutes) {
      chosen.push_back(all[i]);
    }
  }
  return chosen;
}

void break_and_mend(Row& row, const Fault& fault, StreamTrial::Profile profile) {
  StreamTrial one(test::broker(), row, fault.parameters, profile);
  one.add(kEvents);
  one.inject(fault.parameters);
  const test::Result broken = one.run({"--drain"});
  one.expect(broken.status == fault.status,
             fmt::format("the run ends with {}: {}", fault.status, broken.err));
  one.add(kEvents);
  one.settle();
}

}  // namespace

void stream_server(Row& row, std::size_t stride) {
  std::vector<Job> jobs;
  for (const Fault& fault : chosen(stride)) {
    const auto profile =
        jobs.size() % 3 == 2 ? StreamTrial::Profile::kOciStreaming : StreamTrial::Profile::kKafka;
    jobs.push_back([=](Row& line) { break_and_mend(line, fault, profile); });
  }
  side_by_side(row, jobs);
}

}  // namespace ohip::faults
