#include "server/publish/publisher.h"

#include <utility>
#include <vector>

#include "base/status_macros.h"

namespace signalbox {
namespace {

// How long a missed wake-up can delay a change.
constexpr absl::Duration kPoll = absl::Seconds(1);

}  // namespace

Publisher::Publisher(NodeGroupName group, ResourceStore* store, const SnapshotBuilder* builder,
                     SnapshotCache* cache, PublishObserver* observer, const Clock* clock)
    : group_(std::move(group)),
      store_(store),
      builder_(builder),
      cache_(cache),
      observer_(observer),
      clock_(clock) {}

Publisher::~Publisher() {
  {
    MutexLock lock(&mu_);
    stopping_ = true;
    stop_.SignalAll();
  }
  if (thread_.joinable()) thread_.join();
}

absl::Status Publisher::Start() {
  SB_RETURN_IF_ERROR(Reload());
  thread_ = std::thread([this] { Run(); });
  return absl::OkStatus();
}

absl::Time Publisher::LastTick() const {
  return absl::FromUnixNanos(last_tick_nanos_.load(std::memory_order_relaxed));
}

void Publisher::Run() {
  absl::Status told;
  while (true) {
    last_tick_nanos_.store(absl::ToUnixNanos(clock_->Monotonic()), std::memory_order_relaxed);
    absl::StatusOr<Head> head = store_->WaitForChange(head_, clock_->Monotonic() + kPoll);
    absl::Status status = head.status();
    if (status.ok() && !SameHistory(*head, head_)) {
      status = head->epoch == head_.epoch && head->revision > head_.revision ? Advance() : Reload();
    }
    if (status.ok()) head_.control_seq = head->control_seq;
    if (status != told && !absl::IsCancelled(status)) {
      observer_->OnPublishStatus(status);
      told = status;
    }
    MutexLock lock(&mu_);
    if (!status.ok() && !stopping_) stop_.WaitFor(&mu_, absl::ToChronoNanoseconds(kPoll));
    if (stopping_) return;
  }
}

absl::Status Publisher::Reload() {
  const absl::Time began = clock_->Monotonic();
  SB_ASSIGN_OR_RETURN(const HeadState state, store_->LoadHead());
  SB_ASSIGN_OR_RETURN(const SnapshotPtr snapshot, builder_->Build(group_, state, served_));
  head_ = state.head;
  Publish(snapshot, began);
  return absl::OkStatus();
}

absl::Status Publisher::Advance() {
  const absl::Time began = clock_->Monotonic();
  const absl::StatusOr<std::vector<RevisionChanges>> changes = store_->ChangesSince(head_.revision);
  if (absl::IsOutOfRange(changes.status())) return Reload();
  SB_RETURN_IF_ERROR(changes.status());
  if (changes->empty()) return absl::OkStatus();
  SB_ASSIGN_OR_RETURN(const SnapshotPtr snapshot, builder_->Advance(*served_, *changes));
  head_.revision = changes->back().info.revision;
  head_.digest = changes->back().info.digest;
  Publish(snapshot, began);
  return absl::OkStatus();
}

void Publisher::Publish(const SnapshotPtr& snapshot, absl::Time began) {
  served_ = snapshot;
  cache_->Publish(snapshot);
  observer_->OnPublished(*snapshot, clock_->Monotonic() - began);
}

}  // namespace signalbox
