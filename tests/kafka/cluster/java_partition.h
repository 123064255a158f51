#pragma once

#include <string>

namespace ohip::test {

// Where Java's default partitioner puts a key: org.apache.kafka.common.utils.Utils.murmur2, made
// positive, modulo the number of partitions.
int java_partition(const std::string& key, int partitions);

}  // namespace ohip::test
