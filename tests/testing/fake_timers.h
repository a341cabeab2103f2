#pragma once

#include <map>
#include <memory>
#include <utility>

#include "absl/time/time.h"
#include "base/mutex.h"
#include "base/timers.h"

namespace signalbox::testing {

// Timers that only the test fires. Safe from any thread.
class FakeTimers : public Timers {
 public:
  void CallAt(absl::Time when, std::weak_ptr<TimerTarget> target) override {
    MutexLock lock(&mu_);
    waiting_.emplace(when, std::move(target));
    ++calls_;
  }

  // When the next call is due; InfiniteFuture for never. Targets that are gone do not count.
  absl::Time NextDue() {
    MutexLock lock(&mu_);
    while (!waiting_.empty() && waiting_.begin()->second.expired())
      waiting_.erase(waiting_.begin());
    return waiting_.empty() ? absl::InfiniteFuture() : waiting_.begin()->first;
  }

  // Calls everything that is due at `now`.
  void Fire(absl::Time now) {
    while (NextDue() <= now) {
      std::weak_ptr<TimerTarget> target;
      {
        MutexLock lock(&mu_);
        target = std::move(waiting_.begin()->second);
        waiting_.erase(waiting_.begin());
      }
      if (const auto living = target.lock()) living->OnTimer();
    }
  }

  // How often CallAt was called.
  int calls() const {
    MutexLock lock(&mu_);
    return calls_;
  }

 private:
  mutable Mutex mu_;
  std::multimap<absl::Time, std::weak_ptr<TimerTarget>> waiting_ SB_GUARDED_BY(mu_);
  int calls_ SB_GUARDED_BY(mu_) = 0;
};

}  // namespace signalbox::testing
