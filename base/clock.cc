#include "base/clock.h"

#include <ctime>

#include "absl/time/clock.h"

namespace signalbox {

absl::Time SystemClock::Now() const { return absl::Now(); }

absl::Time SystemClock::Monotonic() const {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return absl::TimeFromTimespec(now);
}

}  // namespace signalbox
