#pragma once

#include <librdkafka/rdkafka.h>

#include <string>

#include "e2e/process.h"

namespace ohip::test {

// What a user writes to reach the test broker each way it can be reached, and to write there to
// the topic.
Environment plaintext(const std::string& topic);
Environment sasl_plain(const std::string& topic);
Environment sasl_scram(const std::string& topic);
Environment client_certificate(const std::string& topic);

// Before 2.6.1, librdkafka could use SCRAM up to Kafka 3.9 only.
bool scram_works(int librdkafka = rd_kafka_version());

// These settings, and those of the first where both have one.
Environment with(const Environment& changes, const Environment& settings);

}  // namespace ohip::test
