#pragma once

#include <functional>
#include <memory>
#include <string>

#include "simulator/certificate.h"
#include "simulator/http.h"

namespace ohip::sim {

// Answers HTTP/1.1 on 127.0.0.1 from construction to destruction, many connections at once. A
// connection is kept for as long as the client likes. Where the handler's reply is a 101, the
// connection is the reply's from then on, TLS and all, in the same thread.
class Server {
 public:
  using Handler = std::function<Reply(const Request&)>;

  // port 0: the system's choice. certificate: null for plain http. The handler is called from
  // several threads. Throws std::runtime_error when the port is taken.
  Server(int port, const Certificate* certificate, Handler handler);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  int port() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ohip::sim
