// A group's position, before a cluster whose coordinators move.

#include "kafka/group_client.h"

#include <librdkafka/rdkafka.h>

#include <optional>
#include <vector>

#include "base/log.h"
#include "kafka/plain_sink.h"
#include "support/catch.h"
#include "support/mock_kafka.h"

namespace ohip {
namespace {

constexpr const char* kTopic = "ohip.business-events";
constexpr int kOffsetCommit = 8;
constexpr int kOffsetFetch = 9;
constexpr int kFindCoordinator = 10;

const GroupPlace kPlace{"ohip-stream/gateway/123456789012/CHAIN", kTopic};
const GroupOffset kPosition{193, R"({"v":1,"offset":"193"})"};
const GroupOffset kNext{194, R"({"v":1,"offset":"194"})"};
const Log kQuiet(LogLevel::kError);

}  // namespace

// What a broker says when it has just been started, or has handed its groups to another one.
TEST_CASE("a group's coordinator that moves or loads is waited for") {
  MockKafka kafka;
  kafka.create(kTopic, 1);
  PlainSink sink({{"bootstrap.servers", kafka.bootstrap()}}, kPlace, kQuiet);
  sink.check({kTopic});
  CHECK_FALSE(sink.committed());
  const auto moved = [&](int api, rd_kafka_resp_err_t code) {
    kafka.answer(api, std::vector<rd_kafka_resp_err_t>(3, code));
  };
  SECTION("when it is asked") {
    const auto code =
        GENERATE(RD_KAFKA_RESP_ERR_NOT_COORDINATOR, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE,
                 RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS);
    INFO(rd_kafka_err2name(code));
    moved(kOffsetCommit, code);
    sink.commit({}, kPosition, [](std::size_t, const std::string&) {});
    moved(kOffsetFetch, code);
    CHECK(sink.committed() == kPosition);
    CHECK(sink.take_over() == kPosition);
  }
  SECTION("when it is looked for") {
    sink.commit({}, kPosition, [](std::size_t, const std::string&) {});
    moved(kFindCoordinator, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE);
    CHECK(sink.committed() == kPosition);
  }
}

TEST_CASE("a group that may not be used is told with the right to grant") {
  const int api = GENERATE(kFindCoordinator, kOffsetFetch);
  MockKafka kafka;
  kafka.create(kTopic, 1);
  kafka.answer(api,
               std::vector<rd_kafka_resp_err_t>(100, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED));
  GroupClient group({{"bootstrap.servers", kafka.bootstrap()}}, kPlace, false, kQuiet);
  try {
    group.ask(Milliseconds(20'000));
    FAIL("nobody says so");
  } catch (const Error& error) {
    CHECK(error.status() == ExitStatus::kRefused);
    CHECK(error.hint().find("grant") != std::string::npos);
  }
}

// Whether it is committed then nobody knows; but the program is there to say so, and to go on.
TEST_CASE("a broker that goes away while a position is written ends nothing") {
  MockKafka kafka;
  kafka.create(kTopic, 1);
  PlainSink sink({{"bootstrap.servers", kafka.bootstrap()}}, kPlace, kQuiet);
  sink.check({kTopic});
  const auto commit = [&](const GroupOffset& position) {
    sink.commit({}, position, [](std::size_t, const std::string&) {});
  };
  commit(kPosition);
  rd_kafka_mock_broker_set_down(kafka.get(), 1);
  CHECK_THROWS_AS(commit(kNext), Error);
  rd_kafka_mock_broker_set_up(kafka.get(), 1);
  const std::optional<GroupOffset> found = sink.committed();
  CHECK((found == kPosition || found == kNext));
  commit(kNext);
  CHECK(sink.committed() == kNext);
}

}  // namespace ohip
