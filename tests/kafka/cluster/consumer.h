#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace ohip::test {

struct Message {
  int partition = 0;
  std::int64_t offset = 0;
  std::int64_t timestamp = 0;  // ms since 1970
  std::string key;
  std::string value;
  std::map<std::string, std::string> headers;
};

// Everything in the topic, each partition in its order, as kcat reads it. options: for kcat.
std::vector<Message> consume(const std::string& brokers, const std::string& topic,
                             const std::vector<std::string>& options = {});

// Where each partition's next record will lie, as kcat sees it.
std::vector<std::int64_t> end_offsets(const std::string& brokers, const std::string& topic,
                                      int partitions);

}  // namespace ohip::test
