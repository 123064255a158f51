#include "config/value.h"

#include "base/file.h"
#include "base/program.h"
#include "base/text.h"

namespace ohip {
namespace {

// What editors and shells leave around a secret is none of it.
std::string without_frame(std::string text) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.starts_with(kByteOrderMark)) {
    text.erase(0, kByteOrderMark.size());
  }
  text.erase(text.find_last_not_of(" \t\r\n") + 1);
  return text;
}

Value read_content(const Value& path) {
  constexpr std::size_t kMost = std::size_t{16} << 20;
  Value content{{}, path.origin + ": " + path.text, path.status};
  content.text = without_frame(
      unix_line_ends(on_behalf_of(path, [&] { return read_file(path.text, path.status, kMost); })));
  if (content.text.empty()) {
    reject(content, "the file is empty");
  }
  return content;
}

}  // namespace

void reject(const Value& value, std::string_view why, const std::string& hint) {
  const bool usage = value.status == ExitStatus::kUsage && hint.empty();
  throw Error(value.status, fmt::format("{}: {}", value.origin, why),
              usage ? fmt::format("try '{} --help'", program_name()) : hint);
}

std::string base_name(std::string name) {
  if (name.ends_with(kFileSuffix)) {
    name.resize(name.size() - kFileSuffix.size());
  }
  return name;
}

std::optional<Value> find_text(const Values& place, const std::string& name) {
  const auto found = place.find(name);
  const bool is_set = found != place.end() && !found->second.text.empty();
  return is_set ? std::optional(found->second) : std::nullopt;
}

std::optional<Value> find(const Values& place, const std::string& name) {
  const std::optional<Value> value = find_text(place, name);
  const std::optional<Value> file = find_text(place, name + std::string(kFileSuffix));
  if (value && file) {
    reject(*file, fmt::format("{} is set too: keep one of them", value->origin));
  }
  return file ? read_content(*file) : value;
}

}  // namespace ohip
