#pragma once

#include <string>

namespace ohip {

// What is asked of OHIP.
struct Subscription {
  std::string chain;
  std::string hotels = {};  // comma list; empty: all
  bool delta = false;       // only elements that changed
  bool highest = false;     // from the newest event on, once
  std::string from = {};    // from this offset on, once; empty: from the position

  bool has_from() const { return highest || !from.empty(); }
  // Some hotels again: the position stays as it is.
  bool replay() const { return !hotels.empty(); }
};

// Throws Error kConfig for a chain, hotel or offset outside of Oracle's patterns (the custom
// scalars of its GraphQL schema carry them), so that no connection is spent on it.
void check_subscription(const Subscription& subscription);

// Whether OHIP would take it for one, so that nothing of it needs to be escaped in a query.
bool is_offset(const std::string& text);

// The messages of graphql-transport-ws that are ours.
std::string init_message(const std::string& token, const std::string& app_key);
// All of it must be checked. offset: empty for none.
std::string subscribe_message(const std::string& id, const Subscription& subscription,
                              const std::string& offset, bool highest);
std::string complete_message(const std::string& id);
inline constexpr const char* kPingMessage = R"({"type":"ping"})";
inline constexpr const char* kPongMessage = R"({"type":"pong"})";

}  // namespace ohip
