#pragma once

#include <filesystem>

#include "config/value.h"

namespace ohip {

// A file of NAME=value lines, as kcat's -F: lines that begin with # or ; and blank ones are
// comments, white space around name and value is dropped, nothing is expanded. What the names mean
// is not known here. Throws Error "path:line: why", kConfig.
Values read_config_file(const std::filesystem::path& path);

// The same, for a file that systemd's EnvironmentFile= and docker's --env-file read as well: what
// one of the three would read differently is refused. systemd takes quotes and backslashes away and
// goes on in the next line behind one (before version 254 behind a comment's, too), docker keeps
// them; docker keeps the blanks around a value, the others drop them, and takes no other comment
// than one of #.
Values read_environment_file(const std::filesystem::path& path);

}  // namespace ohip
