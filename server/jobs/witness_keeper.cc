#include "server/jobs/witness_keeper.h"

#include <chrono>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/witness_file.h"

namespace signalbox {
namespace {

// How often the file is written at most, and how long a wait for a change lasts.
constexpr absl::Duration kPause = absl::Seconds(1);

}  // namespace

WitnessKeeper::WitnessKeeper(ResourceStore* store, std::string path, const Clock* clock,
                             Served served, Report report)
    : store_(store),
      path_(std::move(path)),
      clock_(clock),
      served_(std::move(served)),
      report_(std::move(report)) {
  thread_ = std::thread([this] { Run(); });
}

WitnessKeeper::~WitnessKeeper() {
  {
    MutexLock lock(&mu_);
    stopping_ = true;
    stop_.SignalAll();
  }
  thread_.join();
}

void WitnessKeeper::Run() {
  Head seen;
  while (true) {
    const absl::StatusOr<Head> head = store_->WaitForChange(seen, clock_->Monotonic() + kPause);
    if (head.ok() && Keep(*head)) seen = *head;
    if (absl::IsCancelled(head.status()) || Pause()) return;
  }
}

bool WitnessKeeper::Keep(const Head& head) {
  if (SameHistory(head, kept_)) return true;
  if (!served_(head)) return false;
  const absl::Status status = WriteWitnessFile(path_, head);
  if (status.ok()) kept_ = head;
  if (status != last_) report_(status);
  last_ = status;
  return status.ok();
}

bool WitnessKeeper::Pause() {
  MutexLock lock(&mu_);
  if (!stopping_) stop_.WaitFor(&mu_, absl::ToChronoNanoseconds(kPause));
  return stopping_;
}

}  // namespace signalbox
