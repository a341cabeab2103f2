#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <thread>

#include "absl/time/time.h"
#include "base/clock.h"
#include "base/mutex.h"

namespace signalbox {

// Something that wants to be called at a time. Held weakly by Timers: one that is gone is not
// called.
class TimerTarget {
 public:
  virtual ~TimerTarget() = default;

  // Called on the timers' thread, without their lock.
  virtual void OnTimer() = 0;
};

// Calls targets at times of the monotonic clock. Implementations are safe from any thread.
class Timers {
 public:
  virtual ~Timers() = default;

  // Calls `target` once at `when` (Clock::Monotonic) or soon after. Calls are not cancelled: a
  // target that asked twice is called twice and decides itself what is due.
  virtual void CallAt(absl::Time when, std::weak_ptr<TimerTarget> target) = 0;
};

// One thread that calls them all, in the order of their times. A target that blocks delays the
// others.
class ThreadTimers : public Timers {
 public:
  // `clock` must outlive this object.
  explicit ThreadTimers(const Clock* clock);
  // Ends the thread; what was not due is never called.
  ~ThreadTimers() override;

  void CallAt(absl::Time when, std::weak_ptr<TimerTarget> target) override SB_EXCLUDES(mu_);

 private:
  void Run() SB_EXCLUDES(mu_);

  const Clock* const clock_;

  Mutex mu_;
  CondVar changed_;
  std::multimap<absl::Time, std::weak_ptr<TimerTarget>> waiting_ SB_GUARDED_BY(mu_);
  bool ending_ SB_GUARDED_BY(mu_) = false;

  std::thread thread_;
};

}  // namespace signalbox
