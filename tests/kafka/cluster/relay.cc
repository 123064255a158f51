#include "kafka/cluster/relay.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <string>

namespace ohip::test {
namespace {

using SteadyPoint = std::chrono::steady_clock::time_point;

int new_socket() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int yes = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  return fd;
}

void no_delay(int fd) {
  const int yes = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
}

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in in = {};
  in.sin_family = AF_INET;
  in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  in.sin_port = htons(port);
  return in;
}

std::string receive(int fd) {
  std::array<char, 65'536> bytes;
  const ssize_t size = recv(fd, bytes.data(), bytes.size(), 0);
  return {bytes.data(), size > 0 ? static_cast<std::size_t>(size) : 0};
}

void send_all(int fd, const std::string& bytes) {
  for (std::size_t sent = 0; sent < bytes.size();) {
    const ssize_t size = send(fd, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (size <= 0) {
      return;
    }
    sent += static_cast<std::size_t>(size);
  }
}

// What was said, until it is time for the other side to hear it.
class Air {
 public:
  void put(SteadyPoint due, std::string bytes) {
    const std::lock_guard lock(mutex_);
    said_.emplace_back(due, std::move(bytes));
    changed_.notify_one();
  }

  std::string take() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !said_.empty(); });
    auto [due, bytes] = std::move(said_.front());
    said_.pop_front();
    lock.unlock();
    std::this_thread::sleep_until(due);
    return bytes;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::pair<SteadyPoint, std::string>> said_;
};

// One direction of a connection, to its end.
void pass_on(int from, int to, const std::function<std::chrono::milliseconds(std::size_t)>& delay) {
  Air air;
  std::thread sender([&] {
    for (std::string bytes = air.take(); !bytes.empty(); bytes = air.take()) {
      send_all(to, bytes);
    }
    shutdown(to, SHUT_WR);
  });
  std::string bytes;
  do {
    bytes = receive(from);
    air.put(std::chrono::steady_clock::now() + delay(bytes.size()), bytes);
  } while (!bytes.empty());
  sender.join();
}

}  // namespace

Relay::Relay(std::chrono::milliseconds round_trip)
    : round_trip_(round_trip), listener_(new_socket()) {
  const sockaddr_in in = loopback(port());
  const void* const address = &in;
  if (bind(listener_, static_cast<const sockaddr*>(address), sizeof in) != 0 ||
      listen(listener_, 64) != 0) {
    throw std::runtime_error("the relay cannot listen");
  }
  thread_ = std::thread([this] { accept_all(); });
}

Relay::~Relay() {
  shutdown(listener_, SHUT_RDWR);
  thread_.join();
  for (std::thread& connection : connections_) {
    connection.join();
  }
  close(listener_);
}

void Relay::accept_all() {
  for (;;) {
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) {
      return;
    }
    connections_.emplace_back([this, client] { serve(client); });
  }
}

void Relay::serve(int client) {
  const int server = new_socket();
  const sockaddr_in in = loopback(target_);
  const void* const address = &in;
  if (connect(server, static_cast<const sockaddr*>(address), sizeof in) == 0) {
    no_delay(client);
    no_delay(server);
    std::this_thread::sleep_for(round_trip_);
    std::thread there([&] {
      pass_on(client, server, [this](std::size_t size) {
        said_ += size;
        return requests_.load();
      });
    });
    pass_on(server, client, [this](std::size_t /*size*/) { return round_trip_; });
    there.join();
  }
  close(server);
  close(client);
}

}  // namespace ohip::test
