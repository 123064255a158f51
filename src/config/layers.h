#pragma once

#include <array>
#include <filesystem>
#include <optional>
#include <string>

#include "config/config.h"
#include "config/setting.h"
#include "config/value.h"

namespace ohip {

// Where settings are written, the most important layer first: the command line, the environment,
// $CREDENTIALS_DIRECTORY, the config file.
using Layers = std::array<Values, 4>;

// All variables: names that mean nothing to us are others' business.
Values environment_values(const Environment& environment);

// A file NAME in $CREDENTIALS_DIRECTORY (systemd's LoadCredential=) is what NAME_FILE would name.
Values credential_values(const Environment& environment);

// None for an empty path. Throws Error kConfig for an unknown name too.
Values file_values(const std::filesystem::path& path);

// What counts for a setting: the most important layer's value, or its default, or nothing.
std::optional<Value> look_up(const Layers& layers, const Setting& setting);

// Not by its default alone.
bool is_set(const Layers& layers, const Setting& setting);

// Empty when it is not set.
std::string variable(const Environment& environment, const std::string& name);

}  // namespace ohip
