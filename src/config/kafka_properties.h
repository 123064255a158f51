#pragma once

#include <librdkafka/rdkafka.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/handle.h"
#include "config/config.h"
#include "config/value.h"

namespace ohip {

// "sasl.username" for "KAFKA_SASL_USERNAME"; nothing where librdkafka knows no such property.
std::optional<std::string> property_of(const std::string& variable);

// "KAFKA_SASL_USERNAME" for "sasl.username".
std::string variable_of(std::string_view property);

// Whether this librdkafka knows it.
bool is_kafka_property(const std::string& property);

// Whether a property's value must not be seen by others.
bool is_secret(std::string_view property);

// To be called before there are other threads: changes the environment. librdkafka has Cyrus SASL
// load all its plug-ins (1.5 ms), of which only Kerberos needs one; with these properties it does
// so only for that. Leaves a SASL_PATH of the user's alone.
void leave_sasl_plugins_out(const std::map<std::string, std::string>& properties);

// librdkafka's properties while they are put together, the least important source first.
class KafkaProperties {
 public:
  // Our own defaults, and the profile's over them.
  KafkaProperties(KafkaProfile profile, Milliseconds deadline);

  // Throws Error for a property that librdkafka does not know or a value that it refuses.
  void set(const std::string& property, const Value& value);

  // Throws Error where they rule out a transaction, whose id is not the user's to choose.
  void check_transactional() const;

  // Throws Error where they contradict each other or the promise that acknowledged means stored.
  std::map<std::string, std::string> checked() const;

 private:
  std::string effective(const char* property) const;
  void check_promise() const;
  void check_idempotence() const;

  Handle<rd_kafka_conf_t, rd_kafka_conf_destroy> scratch_;
  Values values_;
};

}  // namespace ohip
