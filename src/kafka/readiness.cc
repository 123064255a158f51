#include "kafka/readiness.h"

#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/secrets.h"
#include "kafka/client.h"
#include "kafka/error.h"

namespace ohip {
namespace {

constexpr Milliseconds kSlice{50};  // after which a wait looks at what happened meanwhile
constexpr Milliseconds kAnswer{2'000};
constexpr Milliseconds kSilence{10'000};
constexpr Milliseconds kSettling{1'000};  // of a topic just created, of leaders just elected
constexpr Milliseconds kProof{10'000};

// As the notes name the cluster.
std::string name_of_cluster(const std::map<std::string, std::string>& properties) {
  const auto found = properties.find("bootstrap.servers");
  return found == properties.end() ? std::string() : found->second + '\n';
}

// Brokers that do not know who asks let everybody write.
bool is_known_to_brokers(const rd_kafka_conf_t* configuration) {
  const auto given = [&](const char* name) { return !property(configuration, name).empty(); };
  return property(configuration, "security.protocol").starts_with("sasl") ||
         given("ssl.certificate.location") || given("ssl.certificate.pem") ||
         given("ssl.keystore.location");
}

std::map<std::string, std::string> probe_properties(std::map<std::string, std::string> properties) {
  properties.erase("transactional.id");
  properties["acks"] = "2";
  properties["enable.idempotence"] = "false";
  properties["linger.ms"] = "0";
  properties["message.timeout.ms"] = std::to_string(kProof.count());
  return properties;
}

std::string content(const std::filesystem::path& path) {
  try {
    return read_file(path, ExitStatus::kSpool);
  } catch (const Error&) {
    return {};
  }
}

}  // namespace

KafkaReadiness::KafkaReadiness(KafkaClient& client, KafkaHealth& health, const Log& log,
                               const std::map<std::string, std::string>& properties,
                               std::filesystem::path notes)
    : client_(client),
      health_(health),
      log_(log),
      notes_(std::move(notes)),
      cluster_(name_of_cluster(properties)) {
  const KafkaConfiguration configuration = kafka_configuration(properties);
  const bool idempotent = property(configuration.get(), "enable.idempotence") == "true";
  has_producer_id_ = !idempotent;
  if (idempotent && is_known_to_brokers(configuration.get()) &&
      (notes_.empty() || content(notes_) != cluster_)) {
    probe_properties_ = probe_properties(properties);
  }
}

void KafkaReadiness::ask(const std::set<std::string>& topics) {
  wait_until_let_in();
  // Made when the client has been let in, lest a wrong password be offered twice.
  const std::unique_ptr<KafkaClient> probe = wants_proof(topics) ? new_probe() : nullptr;
  leaders_.clear();
  for (const std::string& name : topics) {
    ask_topic(name);
  }
  if (topics.empty()) {
    metadata(nullptr);
  }
  std::atomic<bool> given_up = false;
  std::future<void> leaders = std::async([&] { ask_leaders(given_up); });
  try {
    if (probe) {
      prove(*probe, topics);
    } else if (!has_producer_id_) {
      wait_for_producer_id();
    }
  } catch (...) {
    given_up = true;
    throw;
  }
  leaders.get();
  has_producer_id_ = true;
}

// A question of ours would wait behind librdkafka's own, and be asked again when it has waited for
// a slice.
void KafkaReadiness::wait_until_let_in() {
  for (const SteadyPoint begin = steady_now(); first_answer_ == FirstAnswer::kNotYet;) {
    first_answer_ = first_answer();
    if (first_answer_ == FirstAnswer::kNotYet) {
      client_.notice_death();
      health_.throw_if_hopeless(begin);
    }
  }
  client_.was_let_in();
}

// rd_kafka_clusterid() gives an id when one has come, waits in vain where no answer has come, and
// returns at once where one came without an id, as old brokers' do.
KafkaReadiness::FirstAnswer KafkaReadiness::first_answer() {
  const SteadyPoint end = steady_now() + kSlice;
  char* const id = rd_kafka_clusterid(client_.handle(), static_cast<int>(kSlice.count()));
  const bool waited = steady_now() >= end;
  const bool came = id != nullptr;
  rd_kafka_mem_free(client_.handle(), id);
  return came ? FirstAnswer::kWithId : waited ? FirstAnswer::kNotYet : FirstAnswer::kWithoutId;
}

void KafkaReadiness::ask_topic(const std::string& name) {
  rd_kafka_topic_t* const handle = client_.topic(name);
  if (handle == nullptr) {
    fail(ExitStatus::kConfig, "Kafka: \"{}\" cannot be a topic's name", name);
  }
  for (const SteadyPoint begin = steady_now();;) {
    const KafkaMetadata answer = metadata(handle);
    const std::optional<KafkaTrouble> trouble = topic_trouble(*answer, name);
    if (!trouble) {
      for (const PartitionLeader& leader : partition_leaders(*answer, name)) {
        leaders_.insert({leader.broker, {name, leader.partition, leader.address}});
      }
      return;
    }
    if (trouble->lasting || steady_now() - begin > kSettling) {
      health_.bar(name, trouble->error);
      throw Error(trouble->error);
    }
    std::this_thread::sleep_for(kSlice);
  }
}

// Once a broker has answered; rd_kafka_metadata() sits out its time whatever goes wrong.
KafkaMetadata KafkaReadiness::metadata(rd_kafka_topic_t* topic) {
  for (const SteadyPoint begin = steady_now();;) {
    const rd_kafka_metadata_t* answer = nullptr;
    rd_kafka_metadata(client_.handle(), 0, topic, &answer, static_cast<int>(kAnswer.count()));
    KafkaMetadata metadata(answer);
    client_.notice_death();
    if (metadata && !health_.lasting()) {
      health_.answered();
      return metadata;
    }
    health_.throw_if_hopeless(begin);
  }
}

// The bootstrap server may be all that can be reached from here: the address that a leader is said
// to have need not resolve, or leads behind a firewall.
void KafkaReadiness::ask_leaders(const std::atomic<bool>& given_up) const {
  for (const SteadyPoint begin = steady_now(); !leaders_.empty() && !given_up;) {
    if (answer(leaders_, kAnswer)) {
      health_.reached_all();
      return;
    }
    client_.throw_if_lasting();
    throw_if_unreachable(begin);
  }
}

// All at once, each by a request for the end of a partition, which Describe allows.
bool KafkaReadiness::answer(const Leaders& leaders, Milliseconds patience) const {
  const KafkaPartitions list(rd_kafka_topic_partition_list_new(static_cast<int>(leaders.size())));
  for (const auto& [broker, leader] : leaders) {
    rd_kafka_topic_partition_list_add(list.get(), leader.topic.c_str(), leader.partition)->offset =
        RD_KAFKA_OFFSET_END;
  }
  return is_brokers_answer(
      rd_kafka_offsets_for_times(client_.handle(), list.get(), static_cast<int>(patience.count())));
}

void KafkaReadiness::throw_if_unreachable(SteadyPoint begin) const {
  for (const auto& [broker, leader] : leaders_) {
    const std::optional<Error> trouble = health_.trouble_with(leader.address);
    const bool silent =
        !trouble && steady_now() - begin > kSilence && !answer({{broker, leader}}, kSlice);
    if (silent || (trouble && steady_now() - begin > kAnswer)) {
      throw Error(
          ExitStatus::kUnavailable,
          trouble ? trouble->what()
                  : fmt::format("Kafka: {} does not answer", masked(leader.address)),
          fmt::format("the cluster gives this address for the leader of topic {}, partition "
                      "{} (the broker's advertised.listeners): it must be reachable from "
                      "here; nothing is taken before",
                      leader.topic, leader.partition));
    }
  }
}

// librdkafka asks for it when it hears the first answer. The second question may overtake that one,
// the next cannot: on its answer the id is there, or was refused to a user who may write nowhere.
void KafkaReadiness::wait_for_producer_id() {
  if (first_answer_ == FirstAnswer::kWithoutId) {
    metadata(nullptr);
  }
  metadata(nullptr);
}

bool KafkaReadiness::wants_proof(const std::set<std::string>& topics) const {
  return !probe_properties_.empty() &&
         !std::includes(proven_.begin(), proven_.end(), topics.begin(), topics.end());
}

// Metadata does not show who may write. A broker looks at that first, then refuses acks=2, which
// Kafka has not had since 0.9, and stores nothing. In a client of its own, for the other must have
// acks=all.
std::unique_ptr<KafkaClient> KafkaReadiness::new_probe() const {
  return std::make_unique<KafkaClient>(probe_properties_, log_, Milliseconds::zero());
}

void KafkaReadiness::prove(KafkaClient& probe, const std::set<std::string>& topics) {
  std::vector<Record> records;
  records.reserve(topics.size());
  for (const std::string& name : topics) {
    records.push_back({name, {}, "ohip-poll asks whether it may write", {}, {}, {}});
  }
  const std::vector<Delivery> fates = probe.send(records, steady_now() + kProof);
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (const std::optional<Error> trouble = proof_trouble(fates[i], records[i].topic)) {
      health_.bar(records[i].topic, *trouble);
      throw Error(*trouble);
    }
    proven_.insert(records[i].topic);
    if (fates[i].state == Delivery::State::kAcknowledged) {
      note_that_it_was_stored(records[i].topic);
    }
  }
  health_.throw_if_hopeless(steady_now());  // the producer id was refused meanwhile
}

// Some that speak Kafka's protocol do not look at acks. They are not asked again, in later runs
// neither: each question would be a record for consumers to stumble over.
void KafkaReadiness::note_that_it_was_stored(const std::string& topic) {
  probe_properties_.clear();
  log_.warning(
      "Kafka: the cluster stored the record that asks who may write to topic {} (it has no "
      "headers; "
      "consumers may skip it), which Apache Kafka does not; it is not asked again",
      topic);
  if (notes_.empty()) {
    return;
  }
  try {
    replace_file(notes_, cluster_, ExitStatus::kSpool);
  } catch (const Error& error) {
    log_.warning("the next run asks again: {}", error.what());
  }
}

}  // namespace ohip
