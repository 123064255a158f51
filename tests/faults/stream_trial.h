#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "faults/trial.h"
#include "kafka/cluster/broker.h"
#include "kafka/cluster/consumer.h"
#include "simulator/simulator.h"

namespace ohip::faults {

// A simulated OHIP without the long waits. What the program waits for by itself it waits for here,
// too: 10 s after a run that died, 120 s after 4409.
sim::Options impatient();

// ohip-stream with an OHIP, a chain and a topic of its own; the broker is shared. Something breaks
// in one run or several, then nothing does: what OHIP holds is compared with what a consumer of
// committed records sees.
class StreamTrial : public Trial {
 public:
  enum class Profile { kKafka, kOciStreaming };

  StreamTrial(test::Broker& broker, Row& row, const std::string& what,
              Profile profile = Profile::kKafka, const sim::Options& options = impatient());

  // Events at OHIP, of seven keys by turns.
  void add(std::size_t events, std::size_t size = 400);
  void inject(const std::string& fault) { ohip.inject(sim::parse_fault(fault)); }

  sim::StreamStats stats() const;
  // Returns when OHIP has sent so many in all, those sent again again; false: it takes too long.
  bool wait_for_sent(std::uint64_t events, std::chrono::seconds patience) const;
  // Returns when there is a position: a run has taken the stream over.
  bool wait_for_position(std::chrono::seconds patience) const;
  // Returns when OHIP knows that nobody is connected, and admits the next one.
  void wait_until_free() const;
  // Kafka has failed under the run at work: without idempotence what was on its way may come twice.
  void disturbed() { ++troubles_; }

  // An unbroken run, and the reckoning.
  void settle();
  // The reckoning, where the last run was an unbroken one.
  void settled();

  // As consumers of committed records see it.
  std::vector<test::Message> arrived() const;
  // OHIP's offset, as committed in Kafka; nothing: none is. stable: behind open transactions.
  std::optional<std::string> position(bool stable) const;

  sim::Simulator ohip;
  std::string chain;

 private:
  void reckon();
  std::size_t repeats_allowed() const;

  test::Broker& broker_;
  Profile profile_;
  std::string topic_;
  std::size_t added_ = 0;
  std::size_t smallest_ = 0;  // event
  std::size_t troubles_ = 0;
};

}  // namespace ohip::faults
