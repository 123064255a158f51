#pragma once

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/mock_kafka.h"

namespace ohip::test {

inline std::string hex(const std::string& bytes) {
  constexpr const char* kDigits = "0123456789abcdef";
  std::string text;
  for (const char byte : bytes) {
    text += kDigits[static_cast<unsigned char>(byte) >> 4U];
    text += kDigits[static_cast<unsigned char>(byte) & 15U];
  }
  return text;
}

// All that the topic holds. Where OHIP_POLL_PUBLISHED names a file it is appended to that, a line a
// record, for tests/consumers/schema_test.py to hold against the contract's files.
inline std::vector<Stored> published(const MockKafka& kafka, const char* topic, int partitions) {
  std::vector<Stored> records = kafka.read(topic, partitions);
  const char* const directory = std::getenv("OHIP_POLL_PUBLISHED");
  if (directory != nullptr && !records.empty()) {
    std::string lines;
    for (const Stored& record : records) {
      lines += "key:" + hex(record.key) + " value:" + hex(record.value);
      for (const auto& [header, value] : record.headers) {
        lines += " " + header + ":" + hex(value);
      }
      lines += "\n";
    }
    const std::string name = directory + ("/" + std::to_string(::getpid()));
    std::ofstream file(name, std::ios::app | std::ios::binary);
    file << lines << std::flush;
    if (!file) {
      throw std::runtime_error("cannot write " + name);
    }
  }
  return records;
}

inline std::vector<std::string> sorted_values(const std::vector<Stored>& records) {
  std::vector<std::string> values;
  for (const Stored& record : records) {
    values.push_back(record.value);
  }
  std::sort(values.begin(), values.end());
  return values;
}

}  // namespace ohip::test
