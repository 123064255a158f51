#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"

namespace ohip {

// One event of the stream (EventHeader in Oracle's GraphQL schema). A text that is absent, null or
// neither string nor number is empty.
struct StreamEvent {
  std::string json;  // the newEvent object verbatim; of a reject the whole message
  std::string offset;
  std::string unique_event_id;
  std::string module;  // moduleName
  std::string name;    // eventName
  std::string primary_key;
  std::string timestamp;  // as given
  std::string hotel;      // hotelId
  TimePoint received{};
  // Empty: can be published. Else why it never can be (no JSON, no uniqueEventId, …), without guest
  // data: to be put aside in its turn; offset and id are known as far as they could be read.
  std::string reject;
};

// A message of the graphql-transport-ws protocol, as far as it could be read.
struct ServerMessage {
  std::string type;  // empty when it could not be read
  std::string id;
  std::string words;  // messages of its errors, joined; the server's, so not for a terminal as is
  bool has_event = false;  // it holds a newEvent that is an object
  // That event; else the whole message as its json, with what could be read. Without received.
  StreamEvent event;
  std::string damage;  // empty: valid JSON; else what is wrong with it, without guest data
};

// Never throws for what is in the text, whatever it is; linear in its size.
ServerMessage parse_server_message(std::string_view text);

}  // namespace ohip
