#include "base/timers.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"

namespace signalbox {
namespace {

// Counts calls and lets the test wait for them.
class Target : public TimerTarget {
 public:
  explicit Target(std::vector<int>* order = nullptr, int id = 0) : order_(order), id_(id) {}

  void OnTimer() override {
    MutexLock lock(&mu_);
    ++calls_;
    if (order_ != nullptr) order_->push_back(id_);
    called_.SignalAll();
  }

  // False when `calls` calls do not come within a generous time.
  bool WaitForCalls(int calls) {
    MutexLock lock(&mu_);
    while (calls_ < calls) {
      if (!called_.WaitFor(&mu_, std::chrono::seconds(20))) return calls_ >= calls;
    }
    return true;
  }

 private:
  std::vector<int>* const order_;
  const int id_;
  Mutex mu_;
  CondVar called_;
  int calls_ SB_GUARDED_BY(mu_) = 0;
};

TEST_CASE("a target is called at its time, and not before") {
  const SystemClock clock;
  ThreadTimers timers(&clock);
  const auto target = std::make_shared<Target>();
  const absl::Time when = clock.Monotonic() + absl::Milliseconds(20);
  timers.CallAt(when, target);
  REQUIRE(target->WaitForCalls(1));
  CHECK(clock.Monotonic() >= when);
}

TEST_CASE("targets are called in the order of their times, however they were given") {
  const SystemClock clock;
  std::vector<int> order;
  {
    ThreadTimers timers(&clock);
    const absl::Time now = clock.Monotonic();
    const auto late = std::make_shared<Target>(&order, 2);
    const auto early = std::make_shared<Target>(&order, 1);
    timers.CallAt(now + absl::Milliseconds(60), late);
    timers.CallAt(now + absl::Milliseconds(20), early);
    REQUIRE(late->WaitForCalls(1));
  }
  CHECK(order == std::vector<int>{1, 2});
}

TEST_CASE("a target that is gone is not called") {
  const SystemClock clock;
  std::vector<int> order;
  {
    ThreadTimers timers(&clock);
    auto gone = std::make_shared<Target>(&order, 1);
    timers.CallAt(clock.Monotonic() + absl::Milliseconds(10), gone);
    gone.reset();
    const auto last = std::make_shared<Target>(&order, 2);
    timers.CallAt(clock.Monotonic() + absl::Milliseconds(30), last);
    REQUIRE(last->WaitForCalls(1));
  }
  CHECK(order == std::vector<int>{2});
}

TEST_CASE("the end does not wait for what is not due") {
  const SystemClock clock;
  const auto target = std::make_shared<Target>();
  const absl::Time began = clock.Monotonic();
  { ThreadTimers(&clock).CallAt(began + absl::Hours(1), target); }
  CHECK(clock.Monotonic() - began < absl::Minutes(1));
}

}  // namespace
}  // namespace signalbox
