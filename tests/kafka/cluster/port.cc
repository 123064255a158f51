#include "kafka/cluster/port.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>

namespace ohip::test {

Port::Port() : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const int yes = 1;
  setsockopt(socket_, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in in = {};
  in.sin_family = AF_INET;
  in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof in;
  void* const address = &in;
  // Bound and not listening: that reserves the port and lets another listen.
  if (bind(socket_, static_cast<sockaddr*>(address), size) != 0 ||
      getsockname(socket_, static_cast<sockaddr*>(address), &size) != 0) {
    throw std::runtime_error("no free port");
  }
  number_ = ntohs(in.sin_port);
}

Port::~Port() {
  close(socket_);
}

}  // namespace ohip::test
