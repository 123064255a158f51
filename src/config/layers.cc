#include "config/layers.h"

#include "base/error.h"
#include "config/config_file.h"
#include "config/kafka_properties.h"

namespace ohip {
namespace {

namespace fs = std::filesystem;

// libcurl's custom: the lower-case name counts for more.
void use_upper_case_proxy_names(Values& values) {
  for (const auto& [lower, upper] :
       {std::pair("https_proxy", "HTTPS_PROXY"), {"no_proxy", "NO_PROXY"}}) {
    if (auto entry = values.extract(lower)) {
      values.insert_or_assign(upper, entry.mapped());
    }
  }
}

bool is_known(const std::string& name) {
  const Setting* setting = find_setting(base_name(name));
  const bool has_file_form = setting != nullptr && !setting->is_path();
  return find_setting(name) != nullptr || has_file_form || property_of(base_name(name));
}

void check_name(const std::string& name, const Value& value) {
  if (name == "OHIP_CONFIG") {
    reject(value, "a config file cannot name another");
  }
  if (!is_known(name)) {
    const std::string_view nearest = nearest_name(base_name(name));
    reject(value, "unknown name", nearest.empty() ? "" : fmt::format("did you mean {}?", nearest));
  }
}

std::optional<Value> find_in(const Layers& layers, const Setting& setting) {
  const std::string name(setting.name);
  for (const Values& layer : layers) {
    if (auto value = setting.is_path() ? find_text(layer, name) : find(layer, name)) {
      return value;
    }
  }
  return std::nullopt;
}

}  // namespace

std::string variable(const Environment& environment, const std::string& name) {
  const auto found = environment.variables.find(name);
  return found == environment.variables.end() ? "" : found->second;
}

Values environment_values(const Environment& environment) {
  Values values;
  for (const auto& [name, text] : environment.variables) {
    values.emplace(name, Value{text, name});
  }
  use_upper_case_proxy_names(values);
  return values;
}

Values credential_values(const Environment& environment) {
  Values values;
  const std::string directory = variable(environment, "CREDENTIALS_DIRECTORY");
  if (directory.empty()) {
    return values;
  }
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    const std::string name = entry.path().filename().string() + std::string(kFileSuffix);
    values.emplace(name, Value{entry.path().string(), "$CREDENTIALS_DIRECTORY"});
  }
  if (error) {
    fail(ExitStatus::kConfig, "$CREDENTIALS_DIRECTORY: {}: {}", directory, error.message());
  }
  return values;
}

Values file_values(const fs::path& path) {
  if (path.empty()) {
    return {};
  }
  Values values = read_environment_file(path);
  use_upper_case_proxy_names(values);
  for (const auto& [name, value] : values) {
    check_name(name, value);
  }
  return values;
}

std::optional<Value> look_up(const Layers& layers, const Setting& setting) {
  if (auto value = find_in(layers, setting)) {
    return value;
  }
  if (!setting.fallback.empty()) {
    return Value{std::string(setting.fallback), fmt::format("default of {}", setting.name)};
  }
  return std::nullopt;
}

bool is_set(const Layers& layers, const Setting& setting) {
  return find_in(layers, setting).has_value();
}

}  // namespace ohip
