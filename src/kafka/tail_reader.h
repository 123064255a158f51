#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "base/clock.h"
#include "base/log.h"
#include "kafka/tail.h"

namespace ohip {

// Reads topics from that time on up to what is their end now, and at least so many of each
// partition's last records, as a topic's times may be its broker's and a clock wrong. A consumer
// without a group, which needs Read on the topics, sees what every consumer may: also records whose
// transaction is open or aborted, which ours never are. Throws Error where it cannot, is not
// allowed to, or does not get to the end in time; the message says why. patience holds for all of
// it; a few MB wait in memory. To be called when the cluster has accepted the password: it may be
// offered to several brokers at once.
std::map<std::string, KafkaTail> read_tails(const std::map<std::string, std::string>& properties,
                                            const Log& log, const std::set<std::string>& topics,
                                            TimePoint since, std::int64_t at_least,
                                            Milliseconds patience);

}  // namespace ohip
