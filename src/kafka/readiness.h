#pragma once

#include <librdkafka/rdkafka.h>

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "base/clock.h"
#include "base/log.h"
#include "kafka/health.h"
#include "kafka/types.h"

namespace ohip {

class KafkaClient;

// Asks a cluster all that must be known before anything is taken for it. Each question goes to
// where its answer counts:
//   a broker   accepts the connection and the credentials, and knows the cluster
//   a broker   knows each topic, and a leader for each of its partitions
//   leaders    each answers from this machine, not the bootstrap server alone
//   a broker   gives the producer its id, where it is idempotent; without it nothing is stored
//   a leader   lets this user write to the topic, where the brokers know users
// One thread at a time.
class KafkaReadiness {
 public:
  // Of a producer with these properties; it outlives this object. notes: a file that remembers,
  // from run to run, a cluster that stores the question who may write; an empty path: there is
  // none.
  KafkaReadiness(KafkaClient& client, KafkaHealth& health, const Log& log,
                 const std::map<std::string, std::string>& properties, std::filesystem::path notes);

  // Throws Error kUnavailable, kRefused or kConfig. Without topics it asks for the cluster alone.
  void ask(const std::set<std::string>& topics);

  // The second of the questions for one topic.
  void ask_topic(const std::string& name);

 private:
  // Of the question that librdkafka asks by itself as soon as a broker has let it in.
  enum class FirstAnswer { kNotYet, kWithId, kWithoutId };

  // Whose answer counts for partitions, and one of them to name.
  struct Leader {
    std::string topic;
    std::int32_t partition = -1;
    std::string address;
  };
  using Leaders = std::map<std::int32_t, Leader>;  // by the broker's id

  void wait_until_let_in();
  FirstAnswer first_answer();
  KafkaMetadata metadata(rd_kafka_topic_t* topic);
  void ask_leaders(const std::atomic<bool>& given_up) const;
  bool answer(const Leaders& leaders, Milliseconds patience) const;
  void throw_if_unreachable(SteadyPoint begin) const;
  void wait_for_producer_id();

  bool wants_proof(const std::set<std::string>& topics) const;
  std::unique_ptr<KafkaClient> new_probe() const;
  void prove(KafkaClient& probe, const std::set<std::string>& topics);
  void note_that_it_was_stored(const std::string& topic);

  KafkaClient& client_;
  KafkaHealth& health_;
  const Log& log_;
  std::map<std::string, std::string> probe_properties_;  // empty: nobody to ask about
  std::filesystem::path notes_;
  std::string cluster_;           // as the notes name it
  bool has_producer_id_ = false;  // or needs none
  FirstAnswer first_answer_ = FirstAnswer::kNotYet;
  std::set<std::string> proven_;  // topics that this user may write to
  Leaders leaders_;               // of the topics asked for
};

}  // namespace ohip
