#pragma once

#include "absl/time/time.h"

namespace signalbox {

// Where the time comes from, so that tests can set it. Implementations are safe from any thread.
class Clock {
 public:
  virtual ~Clock() = default;

  // Wall-clock time, for what a person or the database sees. May jump.
  virtual absl::Time Now() const = 0;

  // Time that only goes forward, for deadlines; its zero is arbitrary, values are comparable within
  // one process only.
  virtual absl::Time Monotonic() const = 0;
};

// The machine's clocks.
class SystemClock : public Clock {
 public:
  absl::Time Now() const override;
  absl::Time Monotonic() const override;
};

}  // namespace signalbox
