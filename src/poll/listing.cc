#include "poll/listing.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <climits>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/print.h"
#include "base/secrets.h"
#include "poll/queues.h"
#include "report/json.h"
#include "spool/inventory.h"

namespace ohip {
namespace {

using namespace std::chrono_literals;
using State = SpoolFile::State;

constexpr std::array kStates = {State::kWaiting, State::kArriving, State::kQuarantined,
                                State::kUnanswered};

std::string_view name(State state) {
  switch (state) {
    case State::kWaiting:
      return "waiting";
    case State::kArriving:
      return "arriving";
    case State::kQuarantined:
      return "quarantined";
    case State::kUnanswered:
      return "unanswered";
  }
  return "?";
}

std::size_t count(const Inventory& inventory, State state) {
  std::size_t files = 0;
  for (const SpoolQueue& queue : inventory.queues) {
    files += static_cast<std::size_t>(
        std::count_if(queue.files.begin(), queue.files.end(),
                      [state](const SpoolFile& file) { return file.state == state; }));
  }
  return files;
}

std::chrono::seconds age(const SpoolFile& file, TimePoint now) {
  return std::chrono::duration_cast<std::chrono::seconds>(
      std::max(now - file.received, TimePoint::duration::zero()));
}

std::string age_text(std::chrono::seconds age) {
  if (age >= 48h) {
    return fmt::format("{}d {}h", age / 24h, age % 24h / 1h);
  }
  if (age >= 1h) {
    return fmt::format("{}h {}m", age / 1h, age % 1h / 1min);
  }
  return age >= 1min ? fmt::format("{}m", age / 1min) : fmt::format("{}s", age / 1s);
}

// To be copied: whole.
std::string shown_path(const std::filesystem::path& path) {
  return masked(path.string(), PATH_MAX);
}

// Below the queue's directory.
std::string place(const SpoolFile& file) {
  const bool quarantine = file.state == State::kQuarantined || file.state == State::kUnanswered;
  return shown_path(std::filesystem::path(quarantine ? kQuarantine : "") / file.name);
}

std::string table(const Inventory& inventory, const Config& config, TimePoint now) {
  std::string text = fmt::format(
      "{}: {} to deliver, {} arriving, {} in quarantine, {} that never came\n",
      shown_path(config.spool_dir), plural(count(inventory, State::kWaiting), "batch", "batches"),
      count(inventory, State::kArriving),
      plural(count(inventory, State::kQuarantined), "file", "files"),
      plural(count(inventory, State::kUnanswered), "response", "responses"));
  for (const SpoolQueue& queue : inventory.queues) {
    text += fmt::format("\n{}\n  {:<11}  {:<20}  {:>8}  {:>8}  {}\n", shown_path(queue.directory),
                        "STATE", "RECEIVED", "AGE", "BYTES", "FILE");
    for (const SpoolFile& file : queue.files) {
      text +=
          fmt::format("  {:<11}  {:.19}Z  {:>8}  {:>8}  {}\n", name(file.state),
                      rfc3339_utc(file.received), age_text(age(file, now)), file.size, place(file));
      if (!file.reason.empty()) {
        text += fmt::format("  {:<11}  {}\n", "", masked(file.reason));
      }
    }
  }
  return text;
}

void write_file(Json& json, const SpoolFile& file, TimePoint now) {
  json.StartObject();
  write(json, "state", name(file.state));
  write(json, "file", place(file));
  write(json, "received", rfc3339_utc(file.received));
  write(json, "age", static_cast<std::uint64_t>(age(file, now).count()));
  write(json, "bytes", file.size);
  if (!file.reason.empty()) {
    write(json, "reason", masked(file.reason));
  }
  json.EndObject();
}

void write_queue(Json& json, const SpoolQueue& queue, TimePoint now) {
  json.StartObject();
  write(json, "hotel", masked(queue.queue.hotel));
  write(json, "external_system", masked(queue.queue.external_system));
  write(json, "directory", shown_path(queue.directory));
  json.Key("files");
  json.StartArray();
  for (const SpoolFile& file : queue.files) {
    write_file(json, file, now);
  }
  json.EndArray();
  json.EndObject();
}

std::string to_json(const Inventory& inventory, const Config& config, TimePoint now) {
  rapidjson::StringBuffer buffer;
  Json json(buffer);
  json.StartObject();
  write(json, "spool", shown_path(config.spool_dir));
  for (const State state : kStates) {
    write(json, name(state), std::uint64_t{count(inventory, state)});
  }
  json.Key("queues");
  json.StartArray();
  for (const SpoolQueue& queue : inventory.queues) {
    write_queue(json, queue, now);
  }
  json.EndArray();
  json.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize()) + '\n';
}

}  // namespace

ExitStatus list_spool(const Config& config, const Clock& clock, const Log& log) {
  const Inventory inventory = inventory_of(config);
  const std::string text = config.report_json ? to_json(inventory, config, clock.now())
                                              : table(inventory, config, clock.now());
  print(text);
  for (const Error& error : inventory.unreadable) {
    log.error(error);
  }
  return inventory.unreadable.empty() ? ExitStatus::kOk : ExitStatus::kSpool;
}

}  // namespace ohip
