#include "base/timers.h"

#include <utility>

namespace signalbox {

ThreadTimers::ThreadTimers(const Clock* clock) : clock_(clock), thread_([this] { Run(); }) {}

ThreadTimers::~ThreadTimers() {
  {
    MutexLock lock(&mu_);
    ending_ = true;
    changed_.SignalAll();
  }
  thread_.join();
}

void ThreadTimers::CallAt(absl::Time when, std::weak_ptr<TimerTarget> target) {
  MutexLock lock(&mu_);
  const bool earliest = waiting_.empty() || when < waiting_.begin()->first;
  waiting_.emplace(when, std::move(target));
  if (earliest) changed_.SignalAll();
}

void ThreadTimers::Run() {
  while (true) {
    std::shared_ptr<TimerTarget> due;
    {
      MutexLock lock(&mu_);
      while (true) {
        if (ending_) return;
        if (waiting_.empty()) {
          changed_.Wait(&mu_);
          continue;
        }
        const absl::Duration left = waiting_.begin()->first - clock_->Monotonic();
        if (left <= absl::ZeroDuration()) break;
        changed_.WaitFor(&mu_, absl::ToChronoNanoseconds(left));
      }
      due = waiting_.begin()->second.lock();
      waiting_.erase(waiting_.begin());
    }
    if (due != nullptr) due->OnTimer();
  }
}

}  // namespace signalbox
