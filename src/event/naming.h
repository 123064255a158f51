#pragma once

#include <string>
#include <string_view>

namespace ohip {

// The names of a record, whichever way its event came.

// `<hotel>/<module>/<primaryKey>`: the module in ce_type's spelling, because Oracle has it in
// several; an absent part is empty.
std::string record_key(std::string_view hotel, std::string_view module,
                       std::string_view primary_key);

// `com.oracle.opera.<module>.<action>`: lower case, what is neither letter nor digit is '-'.
std::string event_type(std::string_view module, std::string_view action);

// What ce_source begins with, of a gateway's name: "//" and the host, or the whole URL of one that
// is not reached by https.
std::string source_authority(std::string_view gateway);

// A topic's name, with the event's for {module} and {hotel}.
std::string topic_name(std::string pattern, std::string_view module, std::string_view hotel);

}  // namespace ohip
