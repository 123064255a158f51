#include "kafka/cluster/consumer.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>
#include <stdexcept>

#include "e2e/process.h"

namespace ohip::test {
namespace {

// Of kcat: partition, offset, timestamp, the sizes of what follows; key, value, headers as a=b,c=d.
constexpr const char* kFormat = "%p %o %T %K %S\n%k%s%h\n";

std::string take(std::istream& in, std::size_t size) {
  std::string bytes(size, '\0');
  in.read(bytes.data(), static_cast<std::streamsize>(size));
  return bytes;
}

std::map<std::string, std::string> parse_headers(const std::string& line) {
  std::map<std::string, std::string> headers;
  std::istringstream in(line);
  for (std::string header; std::getline(in, header, ',');) {
    const std::size_t equals = header.find('=');
    headers[header.substr(0, equals)] = header.substr(equals + 1);
  }
  return headers;
}

std::vector<Message> parse(const std::string& printed) {
  std::vector<Message> messages;
  std::istringstream in(printed);
  Message message;
  int key = 0;
  int value = 0;
  while (in >> message.partition >> message.offset >> message.timestamp >> key >> value &&
         in.get() == '\n') {
    message.key = take(in, static_cast<std::size_t>(std::max(key, 0)));  // -1: none
    message.value = take(in, static_cast<std::size_t>(std::max(value, 0)));
    std::string headers;
    std::getline(in, headers);
    message.headers = parse_headers(headers);
    messages.push_back(message);
  }
  return messages;
}

}  // namespace

std::vector<Message> consume(const std::string& brokers, const std::string& topic,
                             const std::vector<std::string>& options) {
  std::vector<std::string> command = {KCAT_PROGRAM, "-C", "-q",  "-e", "-b",
                                      brokers,      "-t", topic, "-f", kFormat};
  command.insert(command.end(), options.begin(), options.end());
  const Result result = run(command, {});
  if (result.status != 0) {
    throw std::runtime_error("kcat: " + result.err);
  }
  return parse(result.out);
}

std::vector<std::int64_t> end_offsets(const std::string& brokers, const std::string& topic,
                                      int partitions) {
  std::vector<std::int64_t> offsets;
  for (int partition = 0; partition < partitions; ++partition) {
    const Result result = run(
        {KCAT_PROGRAM, "-Q", "-b", brokers, "-t", fmt::format("{}:{}:-1", topic, partition)}, {});
    const std::size_t offset = result.out.rfind("offset ");
    if (offset == std::string::npos) {
      throw std::runtime_error("kcat: " + result.err);
    }
    offsets.push_back(std::stoll(result.out.substr(offset + 7)));
  }
  return offsets;
}

}  // namespace ohip::test
