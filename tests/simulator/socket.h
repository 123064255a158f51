#pragma once

#include <openssl/ssl.h>

#include <chrono>
#include <cstddef>

namespace ohip::sim {

// The bytes of a connection that somebody else owns, without waiting for them; through TLS where
// there is TLS.
class Socket {
 public:
  // Makes the connection non-blocking. tls: null without TLS.
  Socket(int fd, SSL* tls);

  // How many bytes were moved; 0: none can be now, or the connection has ended.
  std::size_t read(char* data, std::size_t size);
  std::size_t write(const char* data, std::size_t size);

  // By the other side, by an error or by cut().
  bool ended() const { return ended_; }
  // Ends the connection here and now, whatever is under way.
  void cut();
  // Ends it as TLS wants it to end.
  void close();

  // Until it can be read (or written, where that is asked for), until wake_fd can be read, or until
  // the time is over.
  void wait(bool for_writing, int wake_fd, std::chrono::milliseconds time) const;

 private:
  std::size_t moved(int result);

  int fd_;
  SSL* tls_;
  bool ended_ = false;
};

}  // namespace ohip::sim
