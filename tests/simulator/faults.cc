#include "simulator/faults.h"

#include <charconv>
#include <set>
#include <stdexcept>

#include "simulator/queues.h"

namespace ohip::sim {

const char* const kFaultHelp =
    "kind=status  respond with status= (503) and body=oracle|empty|html, or the request's own "
    "body;\n"
    "             retry-after= seconds; dequeue=1: the events are gone all the same\n"
    "kind=delay   wait ms= before the response\n"
    "kind=stall   send bytes= (0) of the body, wait ms=, send the rest\n"
    "kind=cut     send bytes= (0) of the body, then close the connection\n"
    "kind=close   take the events off the queue, then close without a response\n"
    "kind=chunked respond in chunks, without a Content-Length\n"
    "all kinds:   count= requests (1), after= this many others (0), on=poll|token|upgrade (poll),\n"
    "             hotel=CODE or queue=chain (all queues), chunked=1\n"
    "On a web socket, with on=init|subscribe|ping|complete (the client's messages) or on=event\n"
    "(each that is sent), and chain=CODE (all chains):\n"
    "kind=code    close with code= (4504) and reason=\n"
    "kind=cut     send bytes= (0) of the event's frame, then break the connection\n"
    "kind=delay   wait ms= before the response, or before this event and those behind it\n"
    "kind=stall   for ms= nothing is sent and nothing is read\n"
    "kind=repeat  send the event again, times= (1)\n"
    "kind=drip    send bytes= (1) each ms= (1000), until all that waits is sent\n"
    "kind=message send the request's own body, as text, instead of the response, or before the\n"
    "             event; $id in it is the subscription's\n";

namespace {

const std::set<std::string> kNames = {
    "kind",   "count",       "after", "on",      "hotel", "queue", "ms",     "bytes", "chunked",
    "status", "retry-after", "body",  "dequeue", "chain", "code",  "reason", "times"};

const std::set<std::string> kOnHttp = {"poll", "token", "upgrade"};
const std::set<std::string> kOnWebSocket = {"init", "subscribe", "ping", "complete", "event"};

const char* const kHtml = "<html><head><title>Error</title></head><body>Bad gateway</body></html>";

[[noreturn]] void refuse(const std::string& what) {
  throw std::invalid_argument(what);
}

// Parameters that were checked against the names above.
class Details {
 public:
  explicit Details(const Parameters& parameters) : parameters_(parameters) {
    for (const auto& [name, value] : parameters) {
      if (!kNames.contains(name)) {
        refuse("a fault has no " + name);
      }
    }
  }

  std::string text(const std::string& name, const std::string& otherwise = {}) const {
    const auto found = parameters_.find(name);
    return found == parameters_.end() ? otherwise : found->second;
  }

  std::uint32_t number(const std::string& name, std::uint32_t otherwise) const {
    const std::string value = text(name, std::to_string(otherwise));
    std::uint32_t result = 0;
    const char* const end = value.data() + value.size();
    if (std::from_chars(value.data(), end, result).ptr != end || value.empty()) {
      refuse(name + "=" + value + " is no number");
    }
    return result;
  }

 private:
  const Parameters& parameters_;
};

Reply status_reply(const Details& details, const std::string& body) {
  const auto status = static_cast<int>(details.number("status", 503));
  const std::string form = details.text("body", "oracle");
  Reply reply = bare(status);
  if (!body.empty()) {
    reply.body = body;
  } else if (form == "html") {
    reply.body = kHtml;
    reply.content_type = "text/html";
  } else if (form == "oracle") {
    reply = oracle_error(status, "OPERAWS-GEN00001", "Something went wrong on demand");
  } else if (form != "empty") {
    refuse("body=" + form + ": oracle, empty or html");
  }
  if (const std::string seconds = details.text("retry-after"); !seconds.empty()) {
    reply.headers.emplace_back("Retry-After", seconds);
  }
  return reply;
}

void set_websocket_kind(Fault& fault, const Details& details, const std::string& body) {
  const std::string kind = details.text("kind");
  const std::chrono::milliseconds time(details.number("ms", 1000));
  if (kind == "code") {
    fault.code = static_cast<std::uint16_t>(details.number("code", 4504));
    fault.reason = details.text("reason");
  } else if (kind == "cut") {
    fault.delivery.cut = true;
    fault.delivery.bytes = details.number("bytes", 0);
  } else if (kind == "delay") {
    fault.delivery.delay = time;
  } else if (kind == "stall") {
    fault.delivery.stall = time;
  } else if (kind == "repeat") {
    fault.repeats = details.number("times", 1);
  } else if (kind == "drip") {
    fault.drip = time;
    fault.delivery.bytes = details.number("bytes", 1);
  } else if (kind == "message") {
    fault.message = body;
  } else {
    refuse("kind=" + kind + ": code, cut, delay, stall, repeat, drip or message");
  }
}

void set_kind(Fault& fault, const Details& details, const std::string& body) {
  const std::string kind = details.text("kind");
  const std::chrono::milliseconds time(details.number("ms", 1000));
  fault.delivery.bytes = details.number("bytes", 0);
  fault.delivery.chunked = details.number("chunked", 0) != 0 || kind == "chunked";
  if (kind == "status") {
    fault.instead = status_reply(details, body);
    fault.dequeue = details.number("dequeue", 0) != 0;
  } else if (kind == "delay") {
    fault.delivery.delay = time;
  } else if (kind == "stall") {
    fault.delivery.stall = time;
  } else if (kind == "cut") {
    fault.delivery.cut = true;
  } else if (kind == "close") {
    fault.delivery.close = true;
  } else if (kind != "chunked") {
    refuse("kind=" + kind + ": status, delay, stall, cut, close or chunked");
  }
}

}  // namespace

Fault parse_fault(const Parameters& parameters, const std::string& body) {
  const Details details(parameters);
  Fault fault;
  fault.on = details.text("on", "poll");
  fault.queue =
      details.text("queue") == "chain" ? kChain : details.text("hotel", details.text("chain"));
  fault.after = details.number("after", 0);
  fault.count = details.number("count", 1);
  if (fault.count == 0) {
    refuse("count=0: nothing would ever happen");
  }
  if (kOnWebSocket.contains(fault.on)) {
    set_websocket_kind(fault, details, body);
  } else if (kOnHttp.contains(fault.on)) {
    set_kind(fault, details, body);
  } else {
    refuse("on=" + fault.on + ": poll, token, upgrade, init, subscribe, ping, complete or event");
  }
  return fault;
}

std::optional<Fault> take_fault(std::list<Fault>& faults, const std::string& on,
                                const std::string& queue) {
  for (auto fault = faults.begin(); fault != faults.end(); ++fault) {
    if (fault->on != on || (!fault->queue.empty() && fault->queue != queue)) {
      continue;
    }
    if (fault->after > 0) {
      --fault->after;
      return std::nullopt;
    }
    Fault taken = *fault;
    if (--fault->count == 0) {
      faults.erase(fault);
    }
    return taken;
  }
  return std::nullopt;
}

}  // namespace ohip::sim
