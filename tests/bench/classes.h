#pragma once

#include <string>

namespace ohip::bench {

// What is measured. quick: with fewer runs and events, and without what takes a minute.
void cycle(bool quick);
void cycle_tls(bool quick);
void cycle_kafka(bool quick);
void drain(bool quick);
void fleet(bool quick);
void decoding(bool quick);
void replay(bool quick);
void delay(bool quick);
// Under scripts/bench, which fetches what it needs.
void stream(bool quick);

// The same runs of another build's ohip-poll, in that directory, in turn with this one's.
void against(const std::string& directory, bool quick);

// What the figures depend on.
void print_machine();

}  // namespace ohip::bench
