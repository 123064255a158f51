#pragma once

#include <sys/socket.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "support/listener.h"

namespace ohip {

// As much of a Kafka broker as a client sees that is refused: ApiVersions, SaslHandshake,
// SaslAuthenticate.
class SaslBroker {
 public:
  explicit SaslBroker(std::string mechanism = "PLAIN") : mechanism_(std::move(mechanism)) {}

  std::string address() const { return listener_.address(); }
  int attempts() const { return attempts_; }  // passwords seen

 private:
  static constexpr int kSaslHandshake = 17;
  static constexpr int kApiVersions = 18;
  static constexpr int kSaslAuthenticate = 36;
  static constexpr int kUnsupportedMechanism = 33;
  static constexpr int kUnsupportedVersion = 35;
  static constexpr int kAuthenticationFailed = 58;

  static std::string integer(std::uint32_t value, int bytes) {
    std::string big_endian;
    for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
      big_endian += static_cast<char>((value >> static_cast<unsigned>(shift)) & 0xffU);
    }
    return big_endian;
  }
  static std::string int16(int value) { return integer(static_cast<std::uint32_t>(value), 2); }
  static std::string int32(std::size_t value) {
    return integer(static_cast<std::uint32_t>(value), 4);
  }
  static std::string text(std::string_view value) {
    return int16(static_cast<int>(value.size())).append(value);
  }
  static int int16_at(std::string_view bytes, std::size_t at) {
    return static_cast<unsigned char>(bytes[at]) * 256 + static_cast<unsigned char>(bytes[at + 1]);
  }

  static std::size_t size_of(std::string_view frame) {
    return static_cast<std::size_t>(int16_at(frame, 0)) * 65'536U +
           static_cast<std::size_t>(int16_at(frame, 2));
  }

  static std::string receive(int connection, std::size_t size) {
    std::string bytes(size, '\0');
    const ssize_t got = ::recv(connection, bytes.data(), size, MSG_WAITALL);
    bytes.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return bytes;
  }

  void serve(int connection) {
    for (;;) {
      const std::string size = receive(connection, 4);
      if (size.size() < 4) {
        return;
      }
      const std::string request = receive(connection, size_of(size));
      if (request.size() < 8) {
        return;
      }
      const std::string reply =
          request.substr(4, 4) + answer(int16_at(request, 0), int16_at(request, 2));
      const std::string framed = int32(reply.size()) + reply;
      ::send(connection, framed.data(), framed.size(), MSG_NOSIGNAL);
    }
  }

  std::string answer(int api, int version) {
    switch (api) {
      case kApiVersions:
        return versions(version == 0 ? 0 : kUnsupportedVersion);
      case kSaslHandshake:
        return int16(mechanism_ == "PLAIN" ? 0 : kUnsupportedMechanism) + int32(1) +
               text(mechanism_);
      default:
        ++attempts_;
        return int16(kAuthenticationFailed) + text("Authentication failed") + int32(0);
    }
  }

  static std::string versions(int code) {
    std::string all = int16(code) + int32(5);
    for (const auto& [api, highest] : {std::pair{0, 7},
                                       {3, 2},
                                       {kSaslHandshake, 1},
                                       {kApiVersions, 0},
                                       {kSaslAuthenticate, 0}}) {
      all += int16(api) + int16(0) + int16(highest);
    }
    return all;
  }

  const std::string mechanism_;
  std::atomic<int> attempts_ = 0;
  Listener listener_{[this](int connection) { serve(connection); }};
};

}  // namespace ohip
