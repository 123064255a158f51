#include "kafka/tail.h"

#include <algorithm>
#include <functional>
#include <string_view>

namespace ohip {
namespace {

std::string header(const rd_kafka_headers_t* headers, const char* name) {
  const void* value = nullptr;
  std::size_t size = 0;
  return rd_kafka_header_get_last(headers, name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR
             ? std::string(static_cast<const char*>(value), size)
             : std::string();
}

std::string header(const Record& record, std::string_view name) {
  const auto found = std::find_if(record.headers.begin(), record.headers.end(),
                                  [name](const auto& one) { return one.first == name; });
  return found == record.headers.end() ? std::string() : found->second;
}

// Empty where one of them is missing.
std::string both(const std::string& request_id, const std::string& id) {
  return request_id.empty() || id.empty() ? std::string() : request_id + '\n' + id;
}

}  // namespace

const std::vector<KafkaTail::Place>& KafkaTail::places(const Record& record) const {
  static const std::vector<Place> kNone;
  const std::string name = both(header(record, "ce_requestid"), header(record, "ce_id"));
  if (const auto first = places_.lower_bound({name, 0});
      first == places_.end() || first->first.first != name) {
    return kNone;  // without a look at what may be megabytes
  }
  const auto found = places_.find({name, std::hash<std::string_view>()(record.payload())});
  return found == places_.end() ? kNone : found->second;
}

bool KafkaTail::add(const rd_kafka_message_t& message) {
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(&message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return true;
  }
  const std::string name = both(header(headers, "ce_requestid"), header(headers, "ce_id"));
  if (name.empty()) {
    return true;
  }
  const std::string_view value(static_cast<const char*>(message.payload), message.len);
  places_[{name, std::hash<std::string_view>()(value)}].push_back(
      {message.partition, message.offset});
  return ++count_ < kMost;
}

}  // namespace ohip
