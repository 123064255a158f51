#pragma once

#include <librdkafka/rdkafka.h>

#include <string>
#include <vector>

#include "base/handle.h"
#include "support/mock_kafka.h"

namespace ohip::faults {

// A consumer of one topic with one partition, from its first record on.
class Reader {
 public:
  Reader(const std::string& brokers, std::string topic);
  ~Reader();
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  // All that the topic holds.
  const std::vector<Stored>& read();

 private:
  std::int64_t end() const;

  std::string topic_;
  Handle<rd_kafka_t, rd_kafka_destroy> consumer_;
  std::vector<Stored> records_;
  std::int64_t next_ = 0;
};

}  // namespace ohip::faults
