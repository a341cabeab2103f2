#pragma once

#include <cstdint>

namespace signalbox {

// Where randomness comes from, so that tests can fix it. Implementations are safe from any thread.
class Random {
 public:
  virtual ~Random() = default;

  // 64 uniformly distributed bits.
  virtual uint64_t Next() = 0;
};

// The operating system's randomness, fit for identifiers that must not be guessed.
class SystemRandom : public Random {
 public:
  uint64_t Next() override;
};

}  // namespace signalbox
