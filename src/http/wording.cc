#include "http/wording.h"

#include <fmt/format.h>
#include <rapidjson/document.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "base/secrets.h"
#include "base/text.h"

namespace ohip {
namespace {

constexpr std::size_t kMaxPlainText = 200;
constexpr std::size_t kLongestHead = 4096;  // of a page, with its title

using Words = std::vector<std::string>;

void add(Words& words, std::string word) {
  if (!word.empty() && std::find(words.begin(), words.end(), word) == words.end()) {
    words.push_back(std::move(word));
  }
}

std::string member(const rapidjson::Value& object, const char* name) {
  const auto found = object.FindMember(name);
  return found != object.MemberEnd() && found->value.IsString()
             ? std::string(found->value.GetString(), found->value.GetStringLength())
             : std::string();
}

void add_members(Words& words, const rapidjson::Value& object) {
  if (!object.IsObject()) {
    return;
  }
  for (const char* name :
       {"o:errorCode", "o:errorPath", "title", "detail", "error", "error_description"}) {
    add(words, member(object, name));
  }
  const auto details = object.FindMember("o:errorDetails");
  if (details != object.MemberEnd() && details->value.IsArray() && !details->value.Empty() &&
      details->value[0].IsObject()) {
    for (const char* name : {"o:errorCode", "o:errorPath", "title", "detail"}) {
      add(words, member(details->value[0], name));
    }
  }
}

void add_members(Words& words, std::string_view body) {
  rapidjson::Document document;
  document.Parse<rapidjson::kParseIterativeFlag>(body.data(), body.size());
  if (!document.HasParseError()) {
    add_members(words, document);
  }
}

// Not the host and not the query, which may hold what is not to be told.
std::string path_of(const std::string& location) {
  const std::size_t scheme = location.find("://");
  const std::size_t begin = scheme == std::string::npos ? 0 : location.find('/', scheme + 3);
  return begin == std::string::npos
             ? "/"
             : location.substr(begin, location.find_first_of("?#", begin) - begin);
}

std::string title_of(std::string_view page) {
  constexpr std::string_view kBegin = "<title>";
  const std::string lower = lower_case(std::string(page.substr(0, kLongestHead)));
  const std::size_t begin = lower.find(kBegin);
  const std::size_t end = lower.find("</title>", begin);
  return end == std::string::npos
             ? ""
             : std::string(page.substr(begin + kBegin.size(), end - begin - kBegin.size()));
}

std::string media_type(const HttpResponse& response) {
  const std::string type = response.content_type.substr(0, response.content_type.find(';'));
  return type.empty() ? "untyped" : type;
}

bool is_short_text(const HttpResponse& response) {
  const bool markup = response.body.find('<') != std::string::npos;
  return !response.success() && !markup && response.body.size() <= kMaxPlainText;
}

void add_body(Words& words, const HttpResponse& response) {
  const std::size_t known = words.size();
  if (!response.success()) {
    add_members(words, response.body);
  }
  if (words.size() == known && !response.body.empty()) {
    add(words, is_short_text(response)
                   ? response.body
                   : fmt::format("{} of {} bytes", media_type(response), response.body.size()));
  }
}

}  // namespace

std::string describe_answer(const HttpResponse& response) {
  Words words;
  add(words, masked(fmt::format("{} {}", response.status, response.reason)));
  if (response.status / 100 == 3 && !response.location.empty()) {
    add(words, "to " + path_of(response.location));
  }
  add_body(words, response);
  return masked(fmt::format("{}", fmt::join(words, ": ")));
}

std::string words_of(std::string_view body) {
  Words words;
  if (body.size() <= kMaxErrorBody) {
    add_members(words, body);
  }
  add(words, title_of(body));
  return masked(fmt::format("{}", fmt::join(words, ": ")));
}

Error unsent_error(const HttpResponse& response) {
  switch (response.transfer) {
    case Transfer::kUntrusted:
      return {ExitStatus::kConfig,
              "the gateway's certificate is not to be trusted: " + response.error,
              "check OHIP_GATEWAY_URL and this machine's clock; if a proxy or a private CA signs "
              "for the gateway, name its root certificates with --ca-file"};
    case Transfer::kProxyRefused:
      return {ExitStatus::kRefused, "OHIP cannot be reached: " + response.error,
              "nothing was taken; check HTTPS_PROXY: special characters of its user name and "
              "password are spelled %XX; this run does not try them again, because accounts lock"};
    case Transfer::kUnreachable:
      return {
          ExitStatus::kUnavailable, "OHIP cannot be reached: " + response.error,
          "nothing was taken and the next run tries again; if it stays, check OHIP_GATEWAY_URL, "
          "DNS, firewall and proxy"};
    default:
      return {ExitStatus::kConfig, "the request to OHIP cannot be made: " + response.error,
              "check OHIP_GATEWAY_URL and the codes in the configuration"};
  }
}

}  // namespace ohip
