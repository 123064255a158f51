// A cluster that refuses a request, or does not know idempotence: librdkafka's, no Java needed.

#include "kafka/cluster/account.h"
#include "kafka/cluster/installation.h"
#include "support/catch.h"
#include "support/mock_kafka.h"

using namespace ohip::test;

namespace {

Account check_all_arrive(Installation& installation, const ohip::MockKafka& cluster) {
  const Result result = installation.run();
  INFO(result.err);
  CHECK(result.status == 0);
  const Account account = settle(installation.handed_out(), consume(cluster.bootstrap(), "events"));
  INFO(account);
  CHECK(account.lost == 0);
  CHECK(account.newest_last);
  return account;
}

}  // namespace

TEST_CASE("the order of a key survives a request that fails in the middle") {
  ohip::MockKafka cluster;
  cluster.create("events", 1);
  rd_kafka_mock_broker_set_rtt(cluster.get(), 1, 50);
  cluster.answer(ohip::MockKafka::kProduce,
                 {RD_KAFKA_RESP_ERR_NO_ERROR, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT});
  Installation installation({{"KAFKA_PROFILE", "oci-streaming"},
                             {"KAFKA_SECURITY_PROTOCOL", "PLAINTEXT"},
                             {"KAFKA_BOOTSTRAP_SERVERS", cluster.bootstrap()},
                             {"KAFKA_TOPIC", "events"}});
  installation.enqueue_changes(20, 150'000);
  check_all_arrive(installation, cluster);
}

// A broker takes any first sequence number of a producer that it does not know, and librdkafka the
// success of a later request for that of an earlier one: hence one in flight.
TEST_CASE("a first request refused by a new leader is no loss with idempotence") {
  ohip::MockKafka cluster;
  cluster.create("events", 1);
  rd_kafka_mock_broker_set_rtt(cluster.get(), 1, 50);
  cluster.answer(ohip::MockKafka::kProduce, {RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION});
  Installation installation({{"KAFKA_BOOTSTRAP_SERVERS", cluster.bootstrap()},
                             {"KAFKA_TOPIC", "events"},
                             {"KAFKA_BATCH_NUM_MESSAGES", "1"}});
  installation.enqueue_changes(20, 1'000);
  CHECK(check_all_arrive(installation, cluster).in_order);
}

TEST_CASE("a cluster without idempotence is told from the default profile, nothing is taken") {
  ohip::MockKafka cluster;
  cluster.create("events", 1);
  rd_kafka_mock_set_apiversion(cluster.get(), ohip::MockKafka::kInitProducerId, -1, -1);
  Installation installation(
      {{"KAFKA_BOOTSTRAP_SERVERS", cluster.bootstrap()}, {"KAFKA_TOPIC", "events"}});
  installation.ohip().enqueue(kHotel, 20);
  const Result result = installation.run();
  INFO(result.err);
  CHECK(result.status == 78);
  CHECK(result.err.find("--kafka-profile oci-streaming") != std::string::npos);
  CHECK(installation.polls() == 0);
}
