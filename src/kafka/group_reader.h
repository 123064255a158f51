#pragma once

#include <librdkafka/rdkafka.h>

#include <map>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/log.h"
#include "kafka/group_offset.h"
#include "kafka/types.h"

namespace ohip {

// Reads what groups have committed, by a client that has a group, though it never joins it. Where a
// broker says that another one coordinates the group (after a restart, or before a new cluster's
// first use), librdkafka uses the asking client's own group without looking whether there is one: a
// producer dies of that (seen with 2.0.2, and in 2.8.0's code; its issue 5040).
class GroupReader {
 public:
  // The properties are librdkafka's, and have been accepted by the cluster: nothing here keeps a
  // refused password from being offered again. The log is kept. Connects at once.
  GroupReader(const std::map<std::string, std::string>& properties, const std::string& group,
              const Log& log);
  GroupReader(const GroupReader&) = delete;
  GroupReader& operator=(const GroupReader&) = delete;

  // As ask_group_offset().
  std::optional<GroupOffset> read(const GroupPlace& place, bool stable,
                                  Milliseconds patience) const;

 private:
  static void destroy(rd_kafka_t* consumer);
  static void on_log(const rd_kafka_t* kafka, int level, const char* facility, const char* text);

  const Log& log_;
  Handle<rd_kafka_t, destroy> consumer_;
};

}  // namespace ohip
