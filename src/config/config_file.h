#pragma once

#include <filesystem>

#include "config/value.h"

namespace ohip {

// A file of NAME=value lines, as docker's --env-file and systemd's EnvironmentFile= take it, and
// kcat's -F: lines that begin with # or ; and blank ones are comments, white space around name and
// value is dropped, nothing is expanded. What the names mean is not known here. Throws Error
// "path:line: why", kConfig.
Values read_config_file(const std::filesystem::path& path);

// Without the one pair of quotes around it, which systemd removes too.
std::string unquoted(const std::string& text);

}  // namespace ohip
