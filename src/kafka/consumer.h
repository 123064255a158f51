#pragma once

#include <librdkafka/rdkafka.h>
#include <sys/socket.h>

#include <map>
#include <string>

#include "base/handle.h"
#include "base/log.h"
#include "kafka/health.h"

namespace ohip {

// librdkafka's consumer, for a question to a cluster that has accepted the password a moment ago:
// it is not offered again once it has been refused. Joins no group, and so leaves none.
class KafkaConsumer {
 public:
  // The properties are librdkafka's; name: of its lines in the log, which is kept. Throws Error
  // kConfig.
  KafkaConsumer(const std::map<std::string, std::string>& properties, const char* name,
                const Log& log);
  KafkaConsumer(const KafkaConsumer&) = delete;
  KafkaConsumer& operator=(const KafkaConsumer&) = delete;

  rd_kafka_t* handle() const { return kafka_.get(); }

  // Throws what no further attempt can mend. To be called now and then: librdkafka tells it then.
  void throw_if_lasting();

 private:
  // Called by librdkafka; all but the first from threads of its own.
  static void on_error(rd_kafka_t* kafka, int code, const char* text, void* consumer);
  static void on_log(const rd_kafka_t* kafka, int level, const char* facility, const char* text);
  static int on_connect(int socket, const sockaddr* address, int length, const char* broker,
                        void* consumer);
  // Not closed as a consumer is: without a coordinator librdkafka could die of that (issue 5347).
  static void destroy(rd_kafka_t* kafka);

  const char* const name_;
  const Log& log_;
  KafkaHealth health_;
  Handle<rd_kafka_t, destroy> kafka_;
};

}  // namespace ohip
