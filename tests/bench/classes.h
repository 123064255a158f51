#pragma once

namespace ohip::bench {

// What is measured. quick: with fewer runs and events, and without what takes a minute.
void cycle(bool quick);
void cycle_tls(bool quick);
void drain(bool quick);
void fleet(bool quick);
void decoding(bool quick);
void replay(bool quick);
void delay(bool quick);
// Under scripts/bench, which fetches what it needs.
void stream(bool quick);

// What the figures depend on.
void print_machine();

}  // namespace ohip::bench
