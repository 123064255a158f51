#include "simulator/http.h"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <cctype>
#include <charconv>

namespace ohip::sim {
namespace {

// Cuts text at the first separator and leaves the rest.
std::string_view next_part(std::string_view& text, char separator) {
  const std::size_t end = text.find(separator);
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return part;
}

std::string percent_decode(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned char byte = 0;
    const char* const hex = text.data() + i + 1;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(hex, hex + 2, byte, 16).ptr == hex + 2) {
      decoded += static_cast<char>(byte);
      i += 2;
    } else {
      decoded += text[i];
    }
  }
  return decoded;
}

// In a query and in a form a plus is a space, in a path it is a plus.
std::string form_decode(std::string_view text) {
  std::string spaced(text);
  for (char& c : spaced) {
    c = c == '+' ? ' ' : c;
  }
  return percent_decode(spaced);
}

std::string find_or(const Parameters& parameters, const std::string& name,
                    const std::string& otherwise) {
  const auto found = parameters.find(name);
  return found == parameters.end() ? otherwise : found->second;
}

}  // namespace

Parameters parse_parameters(std::string_view text) {
  Parameters parameters;
  while (!text.empty()) {
    std::string_view value = next_part(text, '&');
    const std::string_view name = next_part(value, '=');
    parameters.emplace(form_decode(name), form_decode(value));
  }
  return parameters;
}

std::string Request::header(const std::string& name) const {
  return find_or(headers, name, {});
}

std::string Request::parameter(const std::string& name, const std::string& otherwise) const {
  return find_or(query, name, otherwise);
}

void set_target(Request& request, std::string_view target) {
  std::string_view path = next_part(target, '?');
  next_part(path, '/');
  while (!path.empty()) {
    request.path.push_back(percent_decode(next_part(path, '/')));
  }
  request.query = parse_parameters(target);
}

bool is_uuid(std::string_view text) {
  const std::string_view shape = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
  return std::equal(text.begin(), text.end(), shape.begin(), shape.end(), [](char c, char s) {
    return s == 'x' ? std::isxdigit(static_cast<unsigned char>(c)) != 0 : c == s;
  });
}

Reply oracle_error(int status, std::string_view code, std::string_view title) {
  rapidjson::StringBuffer json;
  rapidjson::Writer writer(json);
  const auto member = [&](const char* name, std::string_view value) {
    writer.Key(name);
    writer.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
  };
  writer.StartObject();
  member("type", "http://www.w3.org/Protocols/rfc2616/rfc2616-sec10.html");
  member("title", title);
  writer.Key("status");
  writer.Int(status);
  member("detail", "made up by ohip-sim");
  member("o:errorCode", code);
  member("language", "en");
  writer.EndObject();
  Reply reply;
  reply.status = status;
  reply.body = json.GetString();
  return reply;
}

Reply bare(int status) {
  Reply reply;
  reply.status = status;
  return reply;
}

}  // namespace ohip::sim
