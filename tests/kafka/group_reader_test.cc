#include "kafka/group_reader.h"

#include <map>
#include <string>

#include "support/catch.h"
#include "support/mock_kafka.h"

using namespace ohip;  // NOLINT(google-build-using-namespace)

TEST_CASE("a broker that no longer coordinates the group is asked again, and nobody dies of it") {
  constexpr int kOffsetFetch = 9;
  const Log quiet(LogLevel::kError);
  MockKafka kafka;
  kafka.create("t", 1);
  const std::map<std::string, std::string> properties = {{"bootstrap.servers", kafka.bootstrap()},
                                                         {"transactional.id", "group"}};
  const GroupPlace place{"group", "t"};
  const GroupReader reader(properties, place.group, quiet);
  CHECK_FALSE(reader.read(place, false, Milliseconds(20'000)));
  for (const auto code :
       {RD_KAFKA_RESP_ERR_NOT_COORDINATOR, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE,
        RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS}) {
    kafka.answer(kOffsetFetch, {code});
    CHECK_FALSE(reader.read(place, true, Milliseconds(20'000)));
  }
}
