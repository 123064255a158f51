#include "kafka/cluster/account.h"

#include <map>
#include <ostream>
#include <utility>

namespace ohip::test {
namespace {

std::map<std::string, std::size_t> positions(const std::vector<std::string>& handed_out) {
  std::map<std::string, std::size_t> positions;
  for (std::size_t i = 0; i < handed_out.size(); ++i) {
    positions[handed_out[i]] = i;
  }
  return positions;
}

// Without what is delivered again later, each key's changes lie in the order they were made in.
bool is_newest_last(const std::map<std::string, std::size_t>& position,
                    const std::vector<Message>& delivered) {
  std::map<std::string, const Message*> last;  // by value
  for (const Message& message : delivered) {
    last[message.value] = &message;
  }
  std::map<std::string, std::size_t> newest;  // position, by key
  for (const Message& message : delivered) {
    const auto found = position.find(message.value);
    if (found == position.end() || last[message.value] != &message) {
      continue;
    }
    if (found->second < newest[message.key]) {
      return false;
    }
    newest[message.key] = found->second;
  }
  return true;
}

}  // namespace

Account settle(const std::vector<std::string>& handed_out, const std::vector<Message>& delivered) {
  Account account;
  account.handed_out = handed_out.size();
  const std::map<std::string, std::size_t> position = positions(handed_out);
  std::map<std::string, std::size_t> times;  // by value
  std::map<std::string, std::size_t> last;   // position, by key
  for (const Message& message : delivered) {
    const auto found = position.find(message.value);
    if (found == position.end()) {
      ++account.foreign;
    } else if (++times[message.value] > 1) {
      ++account.duplicated;
    } else {
      account.in_order = account.in_order && last[message.key] <= found->second;
      last[message.key] = found->second;
    }
  }
  account.newest_last = is_newest_last(position, delivered);
  account.delivered = times.size();
  account.lost = position.size() - times.size();
  return account;
}

std::ostream& operator<<(std::ostream& out, const Account& account) {
  return out << account.handed_out << " handed out, " << account.delivered << " delivered, "
             << account.lost << " lost, " << account.duplicated << " duplicated"
             << (account.in_order ? "" : ", first ones out of order")
             << (account.newest_last ? "" : ", last ones out of order");
}

}  // namespace ohip::test
