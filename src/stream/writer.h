#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/wakeup.h"
#include "kafka/sink.h"
#include "spool/spool.h"
#include "stream/message.h"
#include "stream/position_text.h"
#include "stream/session.h"
#include "stream/stream_record.h"

namespace ohip {

// What a writer has done.
struct Written {
  std::size_t delivered = 0;
  std::map<std::string, std::size_t> delivered_by_type;  // by ce_type
  std::size_t quarantined = 0;
  std::size_t commits = 0;
  Position position;
  std::vector<Error> problems;  // those of single events
};

// Does for a session what waits for Kafka, in a thread of its own and in the order it was asked
// for. Events are gathered: a transaction closes 100 ms after its first event or at 4 MB.
class Writer {
 public:
  using Report = std::function<void(Session&, Moment)>;

  struct Setup {
    std::function<std::unique_ptr<Sink>()> make_sink;
    StreamOrigin origin;
    bool from = false;             // begins elsewhere than at the position: that may be unreadable
    bool replay = false;           // leaves the position as it is
    const Spool* spool = nullptr;  // for what can never be stored; null: it is told instead
  };

  // The wakeup is raised when there are reports; it is kept.
  Writer(Setup setup, const Wakeup& wakeup);
  // Waits until what is being done is done.
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  void ask_position();
  void take_over(action::TakeOver take_over);
  void publish(StreamEvent event);
  void settle(action::Settle settle);

  // For the session, in their order.
  std::vector<Report> reports();
  Written written() const;
  // Since when one thing is being done; nothing: there is nothing to do.
  std::optional<SteadyPoint> busy_since() const;

 private:
  struct AskPosition {};

  using Events = std::vector<StreamEvent>;
  struct Origin {  // of a record
    std::string offset;
    std::string id;
    TimePoint received;
  };
  using Task = std::variant<AskPosition, action::TakeOver, action::Settle, Events>;

  void work();
  void perform(Task task);
  void add(Task task);
  std::optional<Task> next();
  bool is_due() const;

  void perform_ask();
  void perform_take_over(const action::TakeOver& take_over);
  void perform_settle(const action::Settle& settle);
  void commit(Events events);
  void commit_position(const Position& position);
  void put_aside(const std::string& bytes, const Origin& origin, const std::string& reason);
  std::optional<Position> read(const std::optional<GroupOffset>& committed);
  void fail_with(const Error& error);
  void report(Report report);

  Setup setup_;
  const Wakeup& wakeup_;

  // Of the thread alone.
  std::unique_ptr<Sink> sink_;
  PositionText text_;
  Position position_;
  bool failed_ = false;  // nothing more may be committed

  mutable std::mutex mutex_;  // of what follows
  std::condition_variable changed_;
  std::deque<Task> tasks_;     // two in a row are never both events
  std::size_t waiting_ = 0;    // bytes of events in tasks_
  SteadyPoint first_event_{};  // of those that wait
  std::optional<SteadyPoint> busy_since_;
  bool has_room_ = true;
  bool end_ = false;
  std::vector<Report> reports_;
  Written written_;

  std::thread thread_;  // last: it uses all of these
};

}  // namespace ohip
