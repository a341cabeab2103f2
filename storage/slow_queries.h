#pragma once

#include <atomic>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace signalbox {

// Logs the statements that take longer than a threshold: their names, never their text or values.
// One for a whole store. Safe from any thread.
class SlowQueries {
 public:
  explicit SlowQueries(absl::Duration threshold) { SetThreshold(threshold); }

  // For statements that end from now on.
  void SetThreshold(absl::Duration threshold) {
    nanoseconds_ = absl::ToInt64Nanoseconds(threshold);
  }
  absl::Duration threshold() const { return absl::Nanoseconds(nanoseconds_.load()); }

  // The statement of this name took so long, with what it waited for.
  void OnRan(absl::string_view statement, absl::Duration took) const;

 private:
  std::atomic<int64_t> nanoseconds_;
};

}  // namespace signalbox
