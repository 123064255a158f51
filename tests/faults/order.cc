// The machine stops, and what was not synced is gone. A run is traced, and its calls are played to
// a disk that keeps no more than it must; then, after each call, the events must be there.

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <memory>

#include "faults/classes.h"

namespace ohip::faults {
namespace fs = std::filesystem;
namespace {

const std::vector<std::string> kStrace = {
    STRACE,
    "-f",
    "-qq",
    "-xx",
    "-s",
    "2048",
    "--trace=openat,write,close,ftruncate,fsync,rename,unlink,sendto,recvfrom,sendmsg,recvmsg"};
constexpr long kLeastProduced = 3'000;  // bytes; no other request to Kafka is that long

// A system call that has ended.
struct Event {
  std::string name;
  std::string arguments;
  long result = 0;

  int fd() const { return std::atoi(arguments.c_str()); }

  std::string describe() const {
    const bool names_file = name == "openat" || name == "rename" || name == "unlink";
    return fmt::format("{}({})", name,
                       names_file ? text() : arguments.substr(0, arguments.find_first_of(",)")));
  }

  // The n-th string among the arguments, which strace writes as \x41\x42.
  std::string text(std::size_t n = 0) const {
    std::size_t begin = arguments.find('"');
    for (; n > 0; --n) {
      begin = arguments.find('"', arguments.find('"', begin + 1) + 1);
    }
    std::string bytes;
    for (std::size_t i = begin + 1; i < arguments.size() && arguments[i] == '\\'; i += 4) {
      bytes += static_cast<char>(std::stoi(arguments.substr(i + 2, 2), nullptr, 16));
    }
    return bytes;
  }
};

// A call that another thread's came between is two lines: "1 read(5 <unfinished ...>" and
// "1 <... read resumed>, …) = 3".
std::vector<Event> read_events(const fs::path& trace) {
  const std::string unfinished = " <unfinished ...>";
  std::map<std::string, std::string> begun;
  std::vector<Event> events;
  std::ifstream lines(trace);
  for (std::string line; std::getline(lines, line);) {
    const std::string thread = line.substr(0, line.find(' '));
    std::string call = line.substr(line.find_first_not_of(' ', thread.size()));
    if (call.ends_with(unfinished)) {
      begun[thread] = call.substr(0, call.size() - unfinished.size());
      continue;
    }
    if (call.starts_with("<... ")) {
      call = begun[thread] + call.substr(call.find('>') + 1);
    }
    const std::size_t open = call.find('(');
    const std::size_t equals = call.rfind(" = ");
    if (open != std::string::npos && equals != std::string::npos) {
      events.push_back({call.substr(0, open), call.substr(open + 1, equals - open - 1),
                        std::strtol(call.c_str() + equals + 3, nullptr, 10)});
    }
  }
  return events;
}

struct File {
  std::size_t size = 0;
  std::size_t durable = 0;  // bytes
};

using Names = std::map<fs::path, std::shared_ptr<File>>;

// A name is durable when its directory was synced, the bytes when the file was.
class Disk {
 public:
  // What a run that was killed left without syncing it.
  explicit Disk(const std::vector<fs::path>& files) {
    for (const fs::path& path : files) {
      now_[path] = std::make_shared<File>(File{fs::file_size(path), 0});
    }
    durable_ = now_;
  }

  void play(const Event& event) {
    if (event.result < 0) {
      return;
    }
    if (event.name == "openat") {
      open(event.text(), static_cast<int>(event.result), event.arguments);
    } else if (event.name == "rename") {
      rename(event.text(), event.text(1));
    } else if (event.name == "unlink") {
      now_.erase(event.text());
    } else if (event.name == "fsync" && directories_.contains(event.fd())) {
      sync_names(directories_[event.fd()]);
    } else if (event.name == "close") {
      files_.erase(event.fd());
      directories_.erase(event.fd());
    } else if (files_.contains(event.fd())) {
      change(*files_[event.fd()], event);
    }
  }

  // What there may be after the machine has stopped: all changes of names since the last sync, or
  // none of them.
  std::vector<Names> views() const { return {now_, durable_}; }

 private:
  void open(const fs::path& path, int fd, const std::string& flags) {
    if (contains(flags, "O_DIRECTORY")) {
      directories_[fd] = path;
      return;
    }
    if (contains(flags, "O_CREAT") && !now_.contains(path)) {
      now_[path] = std::make_shared<File>();
    }
    if (now_.contains(path)) {
      files_[fd] = now_[path];
    }
  }

  void rename(const fs::path& from, const fs::path& to) {
    if (auto name = now_.extract(from)) {
      now_[to] = name.mapped();
    }
  }

  void sync_names(const fs::path& directory) {
    std::erase_if(durable_,
                  [&](const auto& name) { return name.first.parent_path() == directory; });
    std::copy_if(now_.begin(), now_.end(), std::inserter(durable_, durable_.end()),
                 [&](const auto& name) { return name.first.parent_path() == directory; });
  }

  static void change(File& file, const Event& event) {
    if (event.name == "write") {
      file.size += static_cast<std::size_t>(event.result);
    } else if (event.name == "fsync") {
      file.durable = file.size;
    }
  }

  Names now_;
  Names durable_;
  std::map<int, std::shared_ptr<File>> files_;  // by descriptor
  std::map<int, fs::path> directories_;
};

// How far a poll is, by the calls alone.
struct Progress {
  int ohip = -1;  // descriptors
  int kafka = -1;
  std::string head;  // of OHIP's answer
  std::size_t body = 0;
  bool asked = false;
  bool decided = false;  // it is published, or put aside
  bool acknowledged = false;

  void play(const Event& event) {
    if (event.name == "sendto" && event.text().starts_with("GET ")) {
      asked = true;
      ohip = event.fd();
    } else if (event.name == "recvfrom" && event.fd() == ohip && event.result > 0) {
      receive(event);
    } else if (event.name == "sendmsg" && event.result >= kLeastProduced) {
      decided = true;
      kafka = event.fd();
    } else if (event.name == "recvmsg" && event.fd() == kafka && event.result > 0) {
      acknowledged = true;
    } else if (event.name == "openat" && contains(event.arguments, "O_CREAT") &&
               fs::path(event.text()).parent_path().filename() == "quarantine") {
      decided = true;
    }
  }

 private:
  void receive(const Event& event) {
    const std::string end = "\r\n\r\n";
    const auto size = static_cast<std::size_t>(event.result);
    if (contains(head, end)) {
      body += size;
      return;
    }
    const std::size_t before = head.size();
    head += event.text();
    if (contains(head, end)) {
      body = before + size - head.find(end) - end.size();
    }
  }
};

struct Scenario {
  std::string what;
  std::string fault = {};   // of OHIP
  std::size_t events = 20;  // that are delivered
  std::size_t rejects = 0;  // one event each
  bool kept = false;        // the answer stays in the quarantine
  bool cut = false;         // its transfer breaks off: it is a .part until it is put aside
  bool in_memory = false;   // the storage fails when the answer is there
  bool left = false;        // by a killed run: that many bytes of an answer
  std::size_t received = 0;
  int status = 0;
};

// The token's file is hidden.
bool is_batch(const fs::path& file) {
  const bool named = file.extension() == ".json" || file.extension() == ".part";
  return named && !file.filename().string().starts_with('.');
}

bool in_quarantine(const fs::path& file) {
  return file.parent_path().filename() == "quarantine";
}

std::size_t count(const Names& names,
                  const std::function<bool(const fs::path& path, const File& file)>& predicate) {
  return static_cast<std::size_t>(std::count_if(names.begin(), names.end(), [&](const auto& name) {
    return predicate(name.first, *name.second);
  }));
}

// What a machine that stops now would leave of the answer.
class Promise {
 public:
  Promise(const Scenario& scenario, const Progress& progress, const Names& names)
      : scenario_(scenario), progress_(progress), names_(names) {}

  // Empty: it is kept.
  std::string broken() const {
    if (count(names_, [](const fs::path& path, const File& file) {
          return is_batch(path) && path.extension() == ".json" && file.durable < file.size;
        }) > 0) {
      return "a name says that an answer is whole which is not";
    }
    if (!scenario_.in_memory && progress_.decided && size() > 0 && !is_whole() && !is_settled()) {
      return "the answer is neither there, by its last name, nor delivered";
    }
    if (progress_.asked && !has_trace() && !is_settled()) {
      return "OHIP was asked, and nothing shows it";
    }
    return {};
  }

 private:
  std::size_t size() const { return scenario_.received + progress_.body; }

  bool is_whole() const {
    return count(names_, [&](const fs::path& path, const File& file) {
             const bool named = path.extension() == ".json" || scenario_.left || scenario_.cut;
             return is_batch(path) && named && file.durable >= size();
           }) > 0;
  }

  bool is_settled() const {
    return progress_.acknowledged && !scenario_.kept &&
           count(names_, [](const fs::path& path, const File& file) {
             return in_quarantine(path) && is_batch(path) && file.durable > 0;
           }) >= scenario_.rejects;
  }

  bool has_trace() const {
    return count(names_, [](const fs::path& path, const File& file) {
             return is_batch(path) || (path.extension() == ".reason" && file.durable > 0);
           }) > 0;
  }

  const Scenario& scenario_;
  const Progress& progress_;
  const Names& names_;
};

// Nothing more is received while something received is not yet written.
void check_written(Case& one, const Progress& progress, const Event& event, const Names& names) {
  if (event.name != "recvfrom" || event.fd() != progress.ohip) {
    return;
  }
  for (const auto& [path, file] : names) {
    one.expect(path.extension() != ".part" || file->size == progress.body,
               fmt::format("{} of {} bytes are written before more are received", file->size,
                           progress.body));
  }
}

void check_order(Case& one, Row& row, const Scenario& scenario, Disk disk,
                 const std::vector<Event>& events) {
  Progress progress;
  progress.asked = scenario.left;
  for (const Event& event : events) {
    if (!scenario.left) {
      check_written(one, progress, event, disk.views().front());
    }
    disk.play(event);
    progress.play(event);
    for (const Names& names : disk.views()) {
      const std::string broken = Promise(scenario, progress, names).broken();
      one.expect(broken.empty(),
                 fmt::format("the machine stops after {}: {}", event.describe(), broken));
    }
    ++row.cases;
  }
  one.expect(progress.asked && (progress.decided || scenario.events == 0), "the calls were seen");
}

std::string body(Stage& stage, std::size_t bytes) {
  std::string events;
  for (int i = 0; i < 20; ++i) {
    events += (i == 0 ? "" : ",") + stage.generator.next(kHotel);
  }
  return (R"({"businessEventData":[)" + events + "]}").substr(0, bytes);
}

void trace_order(Stage& stage, Row& row, const Scenario& scenario) {
  Case one(stage, row, scenario.what);
  Scenario expected = scenario;
  if (scenario.left) {
    const std::string part = body(stage, scenario.received);
    expected.received = part.size();
    fs::create_directories(one.queue);
    std::ofstream(one.queue / "20261123T190705.000000Z-earlier.part") << part;
  } else {
    for (std::size_t i = 0; i < scenario.rejects; ++i) {
      stage.ohip.enqueue_event(kHotel, fmt::format(R"({{"businessEvent":{{"x":{}}}}})", row.cases));
    }
    stage.ohip.enqueue(kHotel, 20 - scenario.rejects);
    if (!scenario.fault.empty()) {
      stage.ohip.inject(sim::parse_fault(scenario.fault));
    }
  }
  const Disk disk(one.spooled());
  std::vector<std::string> strace = kStrace;
  strace.insert(strace.end(), {"-o", (one.directory / "trace").string()});
  if (scenario.in_memory) {
    strace.push_back("--inject=ftruncate:error=EIO");
  }
  const test::Result result = one.run({scenario.left ? "--replay" : "--once"}, strace);
  one.expect(result.status == scenario.status, fmt::format("exit {}", scenario.status));
  one.expect(one.arrived().size() >= scenario.events,
             fmt::format("{} events arrive, not {}", scenario.events, one.arrived().size()));
  check_order(one, row, expected, disk, read_events(one.directory / "trace"));
  stage.ohip.clear_faults();
  one.settle({0, 65, 76});
}

constexpr std::size_t kAll = std::string::npos;

const std::vector<Scenario> kScenarios = {
    {.what = "a whole answer, in two pieces", .fault = "kind=stall&bytes=5000&ms=50"},
    {.what = "an event without an id", .events = 19, .rejects = 1, .status = 65},
    {.what = "a page",
     .fault = "kind=status&status=200&body=html",
     .events = 0,
     .kept = true,
     .status = 65},
    {.what = "an answer cut off",
     .fault = "kind=cut&bytes=6000",
     .events = 9,
     .kept = true,
     .cut = true,
     .status = 76},
    {.what = "no answer", .fault = "kind=close", .events = 0, .kept = true, .status = 76},
    {.what = "from memory", .in_memory = true, .status = 74},
    {.what = "from memory, an event without an id",
     .events = 19,
     .rejects = 1,
     .in_memory = true,
     .status = 74},
    {.what = "a killed run's whole answer", .left = true, .received = kAll},
    {.what = "a killed run's half answer",
     .events = 9,
     .kept = true,
     .left = true,
     .received = 6'000,
     .status = 76},
    {.what = "a killed run's question",
     .events = 0,
     .kept = true,
     .left = true,
     .received = 0,
     .status = 76},
};

}  // namespace

void order(Row& row, std::size_t /*stride*/) {
  Stage stage;
  for (const Scenario& scenario : kScenarios) {
    trace_order(stage, row, scenario);
  }
}

}  // namespace ohip::faults
