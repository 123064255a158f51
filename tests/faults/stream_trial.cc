#include "faults/stream_trial.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <stdexcept>
#include <thread>

#include "base/digest.h"
#include "kafka/cluster/account.h"
#include "kafka/group_client.h"
#include "spool/queue.h"

namespace ohip::faults {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

constexpr const char* kTopicsName = "ohip.faults";
constexpr int kPartitions = 2;
constexpr std::size_t kKeys = 7;

// Of the program: a transaction's bytes, where each event counts for so much more; what may come
// in one turn of the socket is on top of it.
constexpr std::size_t kTransaction = std::size_t{4} << 20;
constexpr std::size_t kOverhead = 1'000;
constexpr std::size_t kTurn = std::size_t{128} << 10;

std::string event_json(std::size_t number, std::size_t size) {
  std::string json = fmt::format(
      R"({{"moduleName":"RESERVATION","eventName":"UPDATE RESERVATION","primaryKey":"{}",)"
      R"("timestamp":"25-NOV-26 10.15.00.{:06} AM","hotelId":"ABC","publisherId":"57489",)"
      R"("actionInstanceId":"{}","detail":[{{"elementName":"COMMENTS","scopeFrom":")",
      919'000 + number % kKeys, number % 1'000'000, 3'000'000 + number);
  constexpr std::string_view kEnd = R"("}]})";
  if (json.size() + kEnd.size() < size) {
    json.append(size - json.size() - kEnd.size(), static_cast<char>('a' + number % 26));
  }
  return json.append(kEnd);
}

std::string next_chain() {
  static std::atomic<int> chains{0};
  return fmt::format("CHAIN{}", ++chains);
}

// A topic that has been created is not yet known to the broker at once.
std::string next_topic(test::Broker& broker) {
  const std::string topic = broker.new_topic(kTopicsName, kPartitions);
  for (const auto end = steady_clock::now() + 60s; steady_clock::now() < end;) {
    try {
      static_cast<void>(test::end_offsets(broker.plaintext(), topic, kPartitions));
      return topic;
    } catch (const std::runtime_error&) {
      std::this_thread::sleep_for(20ms);
    }
  }
  throw std::runtime_error(topic + " does not come");
}

// The position's text is JSON of the program's own; its offset is digits.
std::string offset_in(const std::string& metadata) {
  constexpr std::string_view kName = R"("offset":")";
  const std::size_t at = metadata.find(kName);
  if (at == std::string::npos) {
    return {};
  }
  const std::size_t begin = at + kName.size();
  return metadata.substr(begin, metadata.find('"', begin) - begin);
}

std::string offset_of(const std::string& held_id) {
  return held_id.substr(0, held_id.find(' '));
}

std::size_t reasons_in(const std::filesystem::path& spool) {
  std::error_code none;
  const auto files = std::filesystem::recursive_directory_iterator(spool, none);
  return static_cast<std::size_t>(std::count_if(begin(files), end(files), [](const auto& file) {
    return file.path().extension() == ".reason";
  }));
}

// Where a value lies that is there more than once.
std::string first_twice(const std::vector<test::Message>& messages) {
  std::map<std::string, const test::Message*> seen;
  for (const test::Message& message : messages) {
    const auto [other, first] = seen.try_emplace(message.value, &message);
    if (!first) {
      return fmt::format("offset {} and {} of partition {}", other->second->offset, message.offset,
                         message.partition);
    }
  }
  return "none";
}

}  // namespace

sim::Options impatient() {
  sim::Options options;
  options.lock_out = 300ms;
  options.resubscribe_wait = 300ms;
  return options;
}

StreamTrial::StreamTrial(test::Broker& broker, Row& row, const std::string& what, Profile profile,
                         const sim::Options& options)
    : Trial(row, what + (profile == Profile::kKafka ? "" : ", oci-streaming"), OHIP_STREAM_PROGRAM),
      ohip(options),
      chain(next_chain()),
      broker_(broker),
      profile_(profile),
      topic_(next_topic(broker)) {
  environment = {{"OHIP_GATEWAY_URL", ohip.url()},
                 {"OHIP_CLIENT_ID", options.client_id},
                 {"OHIP_CLIENT_SECRET", options.client_secret},
                 {"OHIP_APP_KEY", options.app_key},
                 {"OHIP_ENTERPRISE_ID", options.enterprise_id},
                 {"OHIP_CHAIN", chain},
                 {"OHIP_SPOOL_DIR", spool.string()},
                 {"KAFKA_BOOTSTRAP_SERVERS", broker.plaintext()},
                 {"KAFKA_SECURITY_PROTOCOL", "PLAINTEXT"},
                 {"KAFKA_TOPIC", topic_}};
  if (profile == Profile::kOciStreaming) {
    environment["KAFKA_PROFILE"] = "oci-streaming";
  }
}

void StreamTrial::add(std::size_t events, std::size_t size) {
  smallest_ = smallest_ == 0 ? size : std::min(smallest_, size);
  ohip.streaming().add(chain, [&](sim::Stream& stream) {
    for (std::size_t i = 0; i < events; ++i) {
      stream.add(event_json(added_++, size), true, std::chrono::system_clock::now());
    }
  });
}

sim::StreamStats StreamTrial::stats() const {
  const sim::StreamingStats all = ohip.streaming().stats();
  const auto found = all.streams.find(chain);
  return found == all.streams.end() ? sim::StreamStats{} : found->second;
}

bool StreamTrial::wait_for_sent(std::uint64_t events, std::chrono::seconds patience) const {
  for (const auto end = steady_clock::now() + patience; stats().sent < events;) {
    if (steady_clock::now() > end) {
      return false;
    }
    std::this_thread::sleep_for(2ms);
  }
  return true;
}

bool StreamTrial::wait_for_position(std::chrono::seconds patience) const {
  for (const auto end = steady_clock::now() + patience; !position(false);) {
    if (steady_clock::now() > end) {
      return false;
    }
    std::this_thread::sleep_for(50ms);
  }
  return true;
}

void StreamTrial::wait_until_free() const {
  for (const auto end = steady_clock::now() + 60s;
       ohip.streaming().stats().open > 0 && steady_clock::now() < end;) {
    std::this_thread::sleep_for(5ms);
  }
  const bool died = !results().empty() && results().back().status < 0;
  const sim::Options& options = ohip.options();
  std::this_thread::sleep_for(100ms + (died ? options.lock_out : options.resubscribe_wait));
}

void StreamTrial::settle() {
  ohip.clear_faults();
  wait_until_free();
  const std::vector<std::string> sent = ohip.streaming().sent_ids(chain);
  const std::optional<std::string> before = position(false);
  const test::Result mended = run({"--drain"});
  expect(mended.status == 0,
         fmt::format("the mended run ends with 0, not {}: {}", mended.status, mended.err));
  const std::vector<std::string> sent_since = ohip.streaming().sent_ids(chain);
  // With transactions the last commit of a run that was killed may come through meanwhile.
  if (profile_ == Profile::kOciStreaming && before && !before->empty() &&
      sent_since.size() > sent.size()) {
    expect(offset_of(sent_since[sent.size()]) == *before, "a run goes on from the position");
  }
  settled();
}

void StreamTrial::settled() {
  count_statuses();
  const std::vector<std::string> held = ohip.streaming().held_ids(chain);
  expect(held.empty() || position(true) == offset_of(held.back()),
         "the position is the last event's in the end");
  reckon();
}

// A run that dies has published at most one transaction's worth behind its position, and that is
// sent again.
std::size_t StreamTrial::repeats_allowed() const {
  if (profile_ == Profile::kKafka) {
    return 0;
  }
  const auto broken = static_cast<std::size_t>(std::ranges::count_if(
      results(), [](const test::Result& result) { return result.status != 0; }));
  return (troubles_ + broken) * ((kTransaction + kTurn) / (smallest_ + kOverhead) + 1);
}

void StreamTrial::reckon() {
  test::Account account;
  std::vector<test::Message> messages;
  // A transaction's last markers are written a moment after its commit is answered.
  for (int tries = 0; tries < 5; ++tries) {
    messages = arrived();
    account = test::settle(ohip.streaming().held(chain), messages);
    if (account.lost == 0) {
      break;
    }
    std::this_thread::sleep_for(1s);
  }
  const bool allowed = account.duplicated <= repeats_allowed();
  Row& line = row();
  ++line.cases;
  line.handed_out += account.handed_out;
  line.lost += account.lost;
  (allowed ? line.duplicated_allowed : line.duplicated) += account.duplicated;
  line.quarantined += reasons_in(spool);
  expect(account.lost == 0, fmt::format("no event is lost, and {} are", account.lost));
  expect(allowed, fmt::format("{} events come twice, and {} may: {}", account.duplicated,
                              repeats_allowed(), first_twice(messages)));
  expect(account.foreign == 0, "an event is in Kafka as OHIP sent it");
  expect(account.in_order && account.newest_last, "the order of each key is kept");
}

std::vector<test::Message> StreamTrial::arrived() const {
  return test::consume(broker_.plaintext(), topic_, {"-X", "isolation.level=read_committed"});
}

std::optional<std::string> StreamTrial::position(bool stable) const {
  constexpr std::size_t kDigits = 12;
  const std::string hash = sha256_hex(ohip.options().app_key);
  const GroupPlace place{fmt::format("ohip-stream/{}/{}/{}", escape_name(ohip.url()),
                                     hash.substr(hash.size() - kDigits), chain),
                         topic_};
  const Log quiet(LogLevel::kError);
  const auto committed =
      GroupClient({{"bootstrap.servers", broker_.plaintext()}}, place, stable, quiet)
          .ask(Milliseconds(60'000));
  return committed ? std::optional(offset_in(committed->metadata)) : std::nullopt;
}

}  // namespace ohip::faults
