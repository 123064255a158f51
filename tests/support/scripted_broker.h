#pragma once

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "support/listener.h"

namespace ohip {

// Kafka's protocol as far as these brokers speak it (kafka.apache.org/protocol), versions that
// librdkafka chooses when it is offered no later ones.
namespace wire {

enum Api : int {
  kProduce = 0,
  kFetch = 1,
  kListOffsets = 2,
  kMetadata = 3,
  kSaslHandshake = 17,
  kApiVersions = 18,
  kInitProducerId = 22,
  kSaslAuthenticate = 36,
};

inline std::string integer(std::uint64_t value, int bytes) {
  std::string big_endian;
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
    big_endian += static_cast<char>((value >> static_cast<unsigned>(shift)) & 0xffU);
  }
  return big_endian;
}
inline std::string int16(int value) {
  return integer(static_cast<std::uint64_t>(value), 2);
}
inline std::string int32(std::int64_t value) {
  return integer(static_cast<std::uint64_t>(value), 4);
}
inline std::string int64(std::int64_t value) {
  return integer(static_cast<std::uint64_t>(value), 8);
}
inline std::string text(std::string_view value) {
  return int16(static_cast<int>(value.size())).append(value);
}
inline int int16_at(std::string_view bytes, std::size_t at) {
  return static_cast<unsigned char>(bytes[at]) * 256 + static_cast<unsigned char>(bytes[at + 1]);
}
inline std::string array(const std::vector<std::string>& elements) {
  std::string all = int32(static_cast<std::int64_t>(elements.size()));
  for (const std::string& element : elements) {
    all += element;
  }
  return all;
}

// Of a broker that offers these, up to these versions.
inline std::string versions(int asked, const std::map<int, int>& highest) {
  constexpr int kUnsupportedVersion = 35;
  std::vector<std::string> all;
  for (const auto& [api, version] : highest) {
    all.push_back(int16(api) + int16(0) + int16(version));
  }
  return int16(asked == 0 ? 0 : kUnsupportedVersion) + array(all);
}

struct Node {
  int id;
  std::string host;
  int port;
};
struct Partition {
  int id;
  int leader;
};
struct Topic {
  std::string name;
  std::vector<Partition> partitions;
};

inline std::string metadata(const std::vector<Node>& nodes, const std::vector<Topic>& topics) {
  std::vector<std::string> brokers;
  for (const Node& node : nodes) {
    brokers.push_back(int32(node.id) + text(node.host) + int32(node.port) + int16(-1));
  }
  std::vector<std::string> all;
  for (const Topic& topic : topics) {
    std::vector<std::string> partitions;
    for (const Partition& partition : topic.partitions) {
      const std::string replicas = array({int32(partition.leader)});
      partitions.push_back(int16(0) + int32(partition.id) + int32(partition.leader) + replicas +
                           replicas);
    }
    all.push_back(int16(0) + text(topic.name) + '\0' + array(partitions));
  }
  return array(brokers) + text("cluster") + int32(1) + array(all);
}

// With its length in front, as everything is sent.
inline std::string framed(const std::string& message) {
  return int32(static_cast<std::int64_t>(message.size())) + message;
}

// Of what follows these four bytes.
inline std::size_t size_at(std::string_view bytes) {
  return static_cast<std::size_t>(int16_at(bytes, 0)) * 65'536U +
         static_cast<std::size_t>(int16_at(bytes, 2));
}

struct Request {
  int connection;     // the broker's first, second …
  std::string bytes;  // without the length

  int api() const { return int16_at(bytes, 0); }
  int version() const { return int16_at(bytes, 2); }
  // What answers it.
  std::string answer(const std::string& body) const { return framed(bytes.substr(4, 4) + body); }
};

}  // namespace wire

// A broker on a port of loopback that says what a script tells it, to any number of connections.
class ScriptedBroker {
 public:
  // The answer's body; nothing: the connection is closed.
  using Script = std::function<std::optional<std::string>(int api, int version)>;
  // The bytes to send, whatever they are; nothing: the connection is closed.
  using RawScript = std::function<std::optional<std::string>(const wire::Request&)>;

  explicit ScriptedBroker(RawScript script) : script_(std::move(script)) {}
  explicit ScriptedBroker(Script script)
      : ScriptedBroker([script](const wire::Request& request) -> std::optional<std::string> {
          const std::optional<std::string> body = script(request.api(), request.version());
          return body ? std::optional(request.answer(*body)) : std::nullopt;
        }) {}
  ~ScriptedBroker() {
    over_ = true;
    listener_.reset();
    for (std::thread& connection : connections_) {
      connection.join();
    }
  }
  ScriptedBroker(const ScriptedBroker&) = delete;
  ScriptedBroker& operator=(const ScriptedBroker&) = delete;

  std::string address() const { return listener_->address(); }
  int port() const { return std::stoi(address().substr(address().find(':') + 1)); }
  int requests(int api) const {
    const std::lock_guard lock(mutex_);
    const auto found = requests_.find(api);
    return found == requests_.end() ? 0 : found->second;
  }

 private:
  std::string receive(int connection, std::size_t size) const {
    std::string bytes;
    while (bytes.size() < size && !over_) {
      pollfd readable{connection, POLLIN, 0};
      if (::poll(&readable, 1, 20) <= 0) {
        continue;
      }
      std::string more(size - bytes.size(), '\0');
      const ssize_t got = ::recv(connection, more.data(), more.size(), 0);
      if (got <= 0) {
        break;
      }
      bytes.append(more, 0, static_cast<std::size_t>(got));
    }
    return bytes;
  }

  void serve(int connection, int number) {
    for (;;) {
      const std::string size = receive(connection, 4);
      if (size.size() < 4) {
        return;
      }
      const wire::Request request{number, receive(connection, wire::size_at(size))};
      if (request.bytes.size() < 8) {
        return;
      }
      count(request.api());
      const std::optional<std::string> bytes = script_(request);
      if (!bytes) {
        return;
      }
      ::send(connection, bytes->data(), bytes->size(), MSG_NOSIGNAL);
    }
  }

  void count(int api) {
    const std::lock_guard lock(mutex_);
    ++requests_[api];
  }

  const RawScript script_;
  std::atomic<bool> over_ = false;
  mutable std::mutex mutex_;
  std::map<int, int> requests_;
  std::list<std::thread> connections_;
  std::optional<Listener> listener_{
      std::in_place, [this](int connection) {
        const int number = static_cast<int>(connections_.size()) + 1;
        connections_.emplace_back([this, number, own = ::dup(connection)] {
          serve(own, number);
          ::shutdown(own, SHUT_RDWR);
          ::close(own);
        });
      }};
};

}  // namespace ohip
