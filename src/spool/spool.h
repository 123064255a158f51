#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "event/batch.h"
#include "spool/queue.h"

namespace ohip {

// The batches of one queue that OHIP has handed out and Kafka has not yet acknowledged:
//
//   <spool>/<gateway>/<external system>/<hotel or @chain>/
//     lock                       changed when the queue was last polled; holds how often in a row
//                                it was found empty, where that matters (--interval 5s..60s)
//     20261123T190705.123456Z-<x-request-id>.json      an answer, verbatim, as received then
//     20261123T190705.123456Z-<x-request-id>.limit-20.part
//                                OHIP was asked for 20 events, its answer is arriving or broke off
//     20261123T190705.123456Z-<x-request-id>.limit-20.reserved   room made, OHIP not yet asked
//     doubt                      a possible loss, and no answer has come whole since then
//     unserved                   since its time OHIP or Kafka is unavailable
//     quarantine/                what could not be delivered, with a .reason
//
// A file is never changed once it has its .json name: then its transfer ended as it should. A .part
// is as much of the answer as arrived, be it that the run was killed or that the transfer broke
// off. Directories have mode 0700, files 0600. Every failure of the
// storage is an Error kSpool.
class Spool {
 public:
  // Opens the queue's directory, which it makes if it must, and locks it for as long as this
  // object lives. Nothing when another run holds the lock; it never waits. What version 0.1.0 left
  // under the gateway's host alone is moved here first, unless several gateways of that host use
  // this spool.
  static std::optional<Spool> open(const std::filesystem::path& root, QueueName queue);

  // Where that is: batches that a person must move, as it cannot be told whose they are. Empty:
  // there are none.
  const std::filesystem::path& unclaimed() const { return unclaimed_; }

  // The queues under root that hold anything to deliver. Of a directory that is none of ours
  // nothing is said; one of ours that cannot be read is an error when it is opened.
  static std::vector<QueueName> pending_queues(const std::filesystem::path& root);

  // When the answer in this file came: as its name says, or else when the file was last changed.
  static TimePoint received(const std::filesystem::path& file);

  // What can be seen of a queue without its lock; nothing is made, and what cannot be read is not
  // there.
  struct Glance {
    std::size_t pending = 0;  // batches
    std::optional<TimePoint> oldest_pending;
    std::size_t in_quarantine = 0;  // files, without their reasons
    TimePoint last_polled;          // the epoch where it never was
    int times_empty = 0;            // found so, in a row
  };
  static Glance glance(const std::filesystem::path& root, const QueueName& queue);

  // Since when the queue could not be served, over all runs: a file in its directory remembers.
  // Begun now, if it had not begun; now, too, where nothing can be written.
  static TimePoint unserved_since(const std::filesystem::path& root, const QueueName& queue,
                                  TimePoint now);
  static void end_unserved(const std::filesystem::path& root, const QueueName& queue);

  // An answer while it arrives.
  class Part {
   public:
    Part(Part&&) noexcept = default;
    Part& operator=(Part&&) = delete;
    Part(const Part&) = delete;
    Part& operator=(const Part&) = delete;
    // Removes the file if OHIP was not asked or discard() said so; else leaves it as it is.
    ~Part();

    // To be called before the first byte of the request leaves: from now on a crash, of the
    // machine too, shows as a .part. False when that could not be recorded; error() says why.
    bool asked() noexcept;
    // Appends. A failure is remembered in error(); the bytes are then in memory only.
    void write(std::string_view bytes) noexcept;
    // OHIP's answer held no events.
    void discard() noexcept { discarded_ = true; }
    // The answer has ended, whole or not: durable under its final name on return, the unused room
    // given back. With a storage failure, now or in write(), the batch says so in storage_error
    // instead.
    Batch keep(std::string body, TimePoint received, bool whole);
    // The answer never came: the queue is in doubt, a .reason is in the quarantine, beside what
    // came in its place, if anything did, all durable on return; returns the .reason's path. Where
    // that fails the .part stays, for the next run to report: returns that.
    std::filesystem::path lost(std::string_view reason, std::string_view instead) noexcept;

    const std::string& error() const { return error_; }

   private:
    friend class Spool;
    Part(Spool& spool, std::string request_id, TimePoint now, std::size_t limit);
    std::filesystem::path path() const;
    void rename(const std::string& stem, const std::string& extension);

    Spool* spool_;
    std::string stem_;
    std::string extension_;
    std::string request_id_;
    std::size_t limit_;
    UniqueFd fd_;
    std::size_t size_ = 0;
    bool discarded_ = false;
    std::string error_;
  };

  // Makes room for an answer of usual size, so that a full disk shows before OHIP is asked. Names
  // sort in the order of reserving and keeping, also where the clock jumps back.
  // limit: the events that OHIP will be asked for.
  Part reserve(const std::string& request_id, TimePoint now, std::size_t limit);

  // After a possible loss, and until an answer has come whole, in this run and the next ones: OHIP
  // is then asked for one event at a time, lest an outage costs a page at each try.
  bool in_doubt() const { return in_doubt_; }
  // Durable on return; where the storage fails, true of this run all the same.
  void begin_doubt() noexcept;
  void end_doubt() noexcept;

  // Remembers when, for glance().
  void mark_polled() noexcept;
  TimePoint last_polled() const noexcept;

  // How often in a row the queue was found empty, over all runs. Where it cannot be remembered, or
  // what is there is none of ours, it is 0: such a queue is polled sooner, never later.
  int times_empty() const { return times_empty_; }
  void found_empty() noexcept;
  void found_otherwise() noexcept;

  // What is not yet acknowledged, oldest first, under its file names; reservations that a killed
  // run left are removed. To be called before the first reserve().
  std::vector<std::string> pending() const;
  Batch read(const std::string& file) const;

  // Another thread may call these three while a Part is alive.

  // Every event of the batch is acknowledged or in quarantine: the file is gone on return.
  void commit(const Batch& batch) const;
  // Moves the whole batch into the quarantine, the reason alone where there are no bytes; durable
  // on return; returns where it is. Never over other bytes, which a person may have left there: it
  // then gets a time of its own; a reason goes behind the earlier one.
  std::filesystem::path quarantine(const Batch& batch, std::string_view reason) const;
  // Copies one event of it into the quarantine; number counts from 1, in the batch's order of such
  // events, and goes on where that one is another's. Doing it again changes nothing. Durable on
  // return.
  std::filesystem::path quarantine_event(const Batch& batch, std::size_t number,
                                         std::string_view event, std::string_view reason) const;

  const QueueName& queue() const { return queue_; }
  const std::filesystem::path& directory() const { return directory_; }

 private:
  Spool(QueueName queue, std::filesystem::path directory, UniqueFd lock);
  bool take_over(const std::filesystem::path& root);
  std::filesystem::path quarantine_path(const std::string& name) const;

  QueueName queue_;
  std::filesystem::path directory_;
  std::filesystem::path unclaimed_;
  UniqueFd lock_;
  bool in_doubt_;
  int times_empty_;
  TimePoint latest_name_;
};

}  // namespace ohip
