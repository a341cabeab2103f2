#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

// Clang's thread-safety annotations, under our names.
#define SB_CAPABILITY(x) __attribute__((capability(x)))
#define SB_SCOPED_CAPABILITY __attribute__((scoped_lockable))
#define SB_GUARDED_BY(x) __attribute__((guarded_by(x)))
#define SB_PT_GUARDED_BY(x) __attribute__((pt_guarded_by(x)))
#define SB_REQUIRES(...) __attribute__((requires_capability(__VA_ARGS__)))
#define SB_EXCLUDES(...) __attribute__((locks_excluded(__VA_ARGS__)))
#define SB_ACQUIRE(...) __attribute__((acquire_capability(__VA_ARGS__)))
#define SB_RELEASE(...) __attribute__((release_capability(__VA_ARGS__)))
#define SB_NO_THREAD_SAFETY_ANALYSIS __attribute__((no_thread_safety_analysis))

namespace signalbox {

// std::mutex with annotations. (absl::Mutex as Debian ships it gives false alarms under TSan.) Not
// reentrant.
class SB_CAPABILITY("mutex") Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void Lock() SB_ACQUIRE() { mu_.lock(); }
  void Unlock() SB_RELEASE() { mu_.unlock(); }

 private:
  friend class CondVar;
  std::mutex mu_;
};

// Holds a Mutex for a scope.
class SB_SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex* mu) SB_ACQUIRE(mu) : mu_(mu) { mu_->Lock(); }
  ~MutexLock() SB_RELEASE() { mu_->Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex* const mu_;
};

// A condition variable for Mutex. Wake-ups may be spurious: wait in a loop over the condition.
class CondVar {
 public:
  // Releases `mu`, waits, takes it again.
  void Wait(Mutex* mu) SB_REQUIRES(mu) {
    std::unique_lock<std::mutex> lock(mu->mu_, std::adopt_lock);
    cv_.wait(lock);
    lock.release();
  }

  // As Wait, until `timeout` at the latest. Returns false when the time ran out.
  bool WaitFor(Mutex* mu, std::chrono::nanoseconds timeout) SB_REQUIRES(mu) {
    std::unique_lock<std::mutex> lock(mu->mu_, std::adopt_lock);
#if __has_feature(thread_sanitizer)
    // Older TSan runtimes do not know pthread_cond_clockwait, which the steady clock takes.
    using WaitClock = std::chrono::system_clock;
#else
    using WaitClock = std::chrono::steady_clock;  // no jump of the wall clock makes it longer
#endif
    const auto until = WaitClock::now() + std::chrono::duration_cast<WaitClock::duration>(timeout);
    const bool woken = cv_.wait_until(lock, until) == std::cv_status::no_timeout;
    lock.release();
    return woken;
  }

  void Signal() { cv_.notify_one(); }
  void SignalAll() { cv_.notify_all(); }

 private:
  std::condition_variable cv_;
};

}  // namespace signalbox
