#include "kafka/cluster/java_partition.h"

#include <cstddef>
#include <cstdint>

namespace ohip::test {
namespace {

constexpr std::uint32_t kMultiplier = 0x5bd1e995;
constexpr std::uint32_t kSeed = 0x9747b28c;

// Up to four bytes, the first the lowest.
std::uint32_t little_endian(const std::string& bytes, std::size_t from) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4 && from + i < bytes.size(); ++i) {
    value |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[from + i])) << 8 * i;
  }
  return value;
}

std::uint32_t murmur2(const std::string& key) {
  auto hash = kSeed ^ static_cast<std::uint32_t>(key.size());
  const std::size_t whole = key.size() / 4 * 4;
  for (std::size_t i = 0; i < whole; i += 4) {
    std::uint32_t word = little_endian(key, i) * kMultiplier;
    word = (word ^ word >> 24) * kMultiplier;
    hash = hash * kMultiplier ^ word;
  }
  if (whole < key.size()) {
    hash = (hash ^ little_endian(key, whole)) * kMultiplier;
  }
  hash = (hash ^ hash >> 13) * kMultiplier;
  return hash ^ hash >> 15;
}

}  // namespace

int java_partition(const std::string& key, int partitions) {
  return static_cast<int>(murmur2(key) & 0x7fffffff) % partitions;
}

}  // namespace ohip::test
