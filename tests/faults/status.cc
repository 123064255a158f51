// What each status of OHIP's answer proves, and what the next polls ask for.

#include <fmt/format.h>

#include "faults/classes.h"

namespace ohip::faults {
namespace {

constexpr std::size_t kEvents = 50;

struct Answered {
  int status;
  std::string body;  // oracle, html or empty
  int exit;

  // Between us and OPERA: the events are gone.
  bool loses() const { return exit == 76; }
};

int expected(int status, const std::string& body) {
  switch (status) {
    case 401:
    case 402:
    case 403:
      return 77;
    case 503:
      return 69;
    case 408:
    case 504:
      return 76;
    case 500:
    case 501:
    case 502:
    case 505:
      return body == "oracle" ? 69 : 76;
    default:
      return status < 500 ? 78 : 76;
  }
}

std::vector<Answered> answers() {
  std::vector<Answered> all;
  for (const int status : {301, 302, 400, 401, 402, 403, 404, 405, 406, 408, 409, 410, 413, 414,
                           415, 418, 451, 499, 500, 501, 502, 503, 504, 505, 507, 520, 524, 599}) {
    for (const char* const body : {"oracle", "html", "empty"}) {
      all.push_back({status, body, expected(status, body)});
    }
  }
  return all;
}

// One answer, and once more where it is a possible loss; then OHIP is well again.
void try_status(Stage& stage, Row& row, const Answered& answer) {
  Case one(stage, row, fmt::format("{} {}", answer.status, answer.body));
  one.enqueue(kEvents);
  const std::string fault = fmt::format("kind=status&status={}&body={}&count=2{}", answer.status,
                                        answer.body, answer.loses() ? "&dequeue=1" : "");
  stage.ohip.inject(sim::parse_fault(fault));
  const std::size_t before = one.handed_out().size();
  const test::Result first = one.run();
  one.expect(first.status == answer.exit, fmt::format("exit {}: {}", answer.exit, first.err));
  one.expect(contains(first.err, std::to_string(answer.status)), "the status is told");
  one.expect(contains(first.err, "up to 20 events may be lost") == answer.loses(), "the bound");
  one.expect(one.handed_out().size() - before == (answer.loses() ? 20U : 0U), "limit=20 was asked");
  if (answer.loses()) {
    const test::Result second = one.run();
    one.expect(second.status == 76, "the second try is a possible loss, too");
    one.expect(contains(second.err, "up to 1 event may be lost"), "of one event");
    one.expect(one.handed_out().size() - before == 21, "limit=1 was asked");
  }
  stage.ohip.clear_faults();
  one.settle({0});
  const std::size_t delivered = one.arrived().size();
  one.expect(delivered == kEvents - (answer.loses() ? 21 : 0),
             fmt::format("all that is left arrives: {}", delivered));
}

}  // namespace

void status(Row& row, std::size_t stride) {
  Stage stage;
  const std::vector<Answered> all = answers();
  for (std::size_t i = 0; i < all.size(); i += stride) {
    try_status(stage, row, all[i]);
  }
}

}  // namespace ohip::faults
