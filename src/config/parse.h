#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/clock.h"
#include "config/config.h"

namespace ohip {

// From what users write to what the program works with. Each of these throws Error kConfig that
// says why the text will not do; where it was written is added by who knows. A text that may be a
// secret is not repeated.

Milliseconds parse_duration(const std::string& text);  // "50s", "2m", "1h", "500ms", "50"
Interval parse_interval(const std::string& text);      // a duration, or "5s..60s"
int parse_limit(const std::string& text);              // 1 to 20, OHIP's own bounds
int parse_count(const std::string& text, int least, int most);
Shard parse_shard(const std::string& text);       // "1/3"; "/3" leaves the index open
bool parse_bool(const std::string& text);         // "true" or "false"
QueueScope parse_scope(const std::string& text);  // "hotel" or "chain"

// A hotel's or an external system's code: it becomes part of a path and of a header.
std::string parse_code(const std::string& text);

// Codes separated by commas or line ends, each once; # at the beginning of a line, or after white
// space, makes the rest of the line a comment.
std::vector<std::string> parse_hotels(const std::string& text);

std::string parse_uuid(const std::string& text);
std::string parse_path(const std::string& text);         // of a URL: begins with a slash, no query
std::string parse_state_topic(const std::string& text);  // Kafka's rules, nothing to fill in
std::string parse_topic(const std::string& text);  // Kafka's rules; {module} and {hotel} may stand

// Anything that can stand in a header: no control characters.
std::string parse_line(const std::string& text);

// Of what is written to: the same place whatever the working directory is.
std::filesystem::path parse_absolute_path(const std::string& text);

}  // namespace ohip
