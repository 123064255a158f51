#pragma once

#include <string>

#include "config/config.h"
#include "kafka/group_offset.h"
#include "spool/queue.h"

namespace ohip {

// Names one stream of OHIP: a gateway, an application key, a chain.
struct StreamName {
  std::string gateway;   // Gateway::name
  std::string key_hash;  // SHA-256 of the application key, in hexadecimal
  std::string chain;

  explicit StreamName(const Config& config);

  // Of the web socket. Who knows it is accepted or refused as the application: not for a log.
  std::string url(const Config& config) const;
  // Where its position is; the group's name is the transactional id, too.
  GroupPlace place(const Config& config) const;
  // Its directory in the spool.
  QueueName queue() const;
};

}  // namespace ohip
