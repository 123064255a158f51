#pragma once

#include <cstddef>

#include "faults/case.h"

namespace ohip::faults {

// Each breaks one thing per case and fills in its row of the table. stride: try every stride-th
// place only.
void killed(Row& row, std::size_t stride);              // at each system call of a run
void killed_recovering(Row& row, std::size_t stride);   // the same with batches in the spool
void killed_threads(Row& row, std::size_t stride);      // at the calls of any thread
void killed_hotels(Row& row, std::size_t stride);       // several queues at once
void killed_overlapping(Row& row, std::size_t stride);  // two batches of one queue under way
void killed_twice(Row& row, std::size_t stride);        // and the next run, too
void stopped(Row& row, std::size_t stride);             // SIGTERM or SIGINT at random moments
void storage_once(Row& row, std::size_t stride);        // one call of the storage fails
void storage_for_good(Row& row, std::size_t stride);    // it and all later ones of its kind
void storage_threads(Row& row, std::size_t stride);     // in whatever thread
void order(Row& row, std::size_t stride);               // the machine loses what is not synced
void storage_full(Row& row, std::size_t stride);        // a small disk, really full
void cut_length(Row& row, std::size_t stride);          // at each length of a body
void cut_chunked(Row& row, std::size_t stride);
void cut_gzip(Row& row, std::size_t stride);
void answer(Row& row, std::size_t stride);      // every other damage to an answer
void status(Row& row, std::size_t stride);      // each status that an answer may have
void limits(Row& row, std::size_t stride);      // answers and files at their bounds
void connection(Row& row, std::size_t stride);  // something waits in it, or it is of no use
void proxy(Row& row, std::size_t stride);       // refuses, babbles or says nothing
void broker(Row& row, std::size_t stride);      // a hostile or odd broker
void kafka(Row& row, std::size_t stride);       // Kafka fails before, during and after the poll
void concurrent(Row& row, std::size_t stride);  // two at once
void requeued(Row& row, std::size_t stride);    // killed or failing while it puts back
void outage(Row& row, std::size_t stride);      // a thousand batches in the spool

// ohip-stream's, over a real Kafka: to be started by tests/kafka/cluster/suite.
void stream_killed(Row& row, std::size_t stride);  // at the calls of any thread
void stream_random(Row& row, std::size_t stride);  // killed at random moments
void stream_broker(Row& row, std::size_t stride);  // the broker fails in transactions
void stream_server(Row& row, std::size_t stride);  // OHIP closes, breaks, repeats, delays
void stream_slow(Row& row, std::size_t stride);    // a flood of events, Kafka slow or away
void stream_two(Row& row, std::size_t stride);     // two machines

}  // namespace ohip::faults
