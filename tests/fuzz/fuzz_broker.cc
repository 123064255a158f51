// libFuzzer: whatever a broker's metadata and error texts say, the topic's trouble or its leaders
// come out, and messages are plain lines of bounded length.

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kafka/error.h"
#include "require.h"

namespace {

// Takes an input apart, piece by piece.
class Pieces {
 public:
  explicit Pieces(std::string_view bytes) : bytes_(bytes) {}

  int number() {
    const std::string_view byte = take(1);
    return byte.empty() ? 0 : static_cast<signed char>(byte[0]);
  }
  int count() { return number() & 3; }
  // Without zero bytes: librdkafka's strings end there.
  std::string text() {
    const std::string_view text = take(static_cast<std::size_t>(number() & 0x7f));
    return std::string(text.substr(0, text.find('\0')));
  }
  std::string_view rest() { return take(bytes_.size()); }

 private:
  std::string_view take(std::size_t size) {
    const std::string_view taken = bytes_.substr(0, size);
    bytes_.remove_prefix(taken.size());
    return taken;
  }

  std::string_view bytes_;
};

// As rd_kafka_metadata() gives it.
class Answer {
 public:
  explicit Answer(Pieces& pieces)
      : hosts_(static_cast<std::size_t>(pieces.count())),
        names_(static_cast<std::size_t>(pieces.count())),
        brokers_(hosts_.size()),
        topics_(names_.size()),
        partitions_(names_.size()) {
    for (std::size_t i = 0; i < hosts_.size(); ++i) {
      hosts_[i] = pieces.text();
      brokers_[i] = {pieces.number(), hosts_[i].data(), pieces.number()};
    }
    for (std::size_t i = 0; i < names_.size(); ++i) {
      names_[i] = pieces.number() > 0 ? "t" : pieces.text();
      partitions_[i].resize(static_cast<std::size_t>(pieces.count()));
      for (rd_kafka_metadata_partition_t& partition : partitions_[i]) {
        partition.id = pieces.number();
        partition.leader = pieces.number();
      }
      topics_[i] = {names_[i].data(), static_cast<int>(partitions_[i].size()),
                    partitions_[i].data(), RD_KAFKA_RESP_ERR_NO_ERROR};
      const int code = pieces.count() * pieces.number();  // any number
      std::memcpy(&topics_[i].err, &code, sizeof code);
    }
    answer_.brokers = brokers_.data();
    answer_.broker_cnt = static_cast<int>(brokers_.size());
    answer_.topics = topics_.data();
    answer_.topic_cnt = static_cast<int>(topics_.size());
  }

  const rd_kafka_metadata_t& get() const { return answer_; }

 private:
  std::vector<std::string> hosts_;
  std::vector<std::string> names_;
  std::vector<rd_kafka_metadata_broker_t> brokers_;
  std::vector<rd_kafka_metadata_topic_t> topics_;
  std::vector<std::vector<rd_kafka_metadata_partition_t>> partitions_;
  rd_kafka_metadata_t answer_{};
};

void require_plain(const ohip::Error& error) {
  const std::string_view text = error.what();
  require(!text.empty() && text.size() <= 1'000);
  for (const char c : text) {
    require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(data, data + size);
  Pieces pieces(bytes);
  const Answer answer(pieces);
  const std::optional<ohip::KafkaTrouble> trouble = ohip::topic_trouble(answer.get(), "t");
  if (trouble) {
    require_plain(trouble->error);
  } else {
    const auto leaders = ohip::partition_leaders(answer.get(), "t");
    require(!leaders.empty());
    for (const ohip::PartitionLeader& leader : leaders) {
      require(leader.broker >= 0 && !leader.address.empty());
    }
  }
  const auto code = static_cast<rd_kafka_resp_err_t>(-(pieces.number() & 0x7f) - 100);
  const std::string_view text = pieces.rest();
  require_plain(ohip::connection_trouble(code, text).error);
  require_plain(ohip::fatal_trouble(code, text));
  return 0;
}
