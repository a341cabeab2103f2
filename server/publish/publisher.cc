#include "server/publish/publisher.h"

#include <chrono>
#include <memory>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "server/publish/adoption.h"
#include "storage/witness.h"

namespace signalbox {
namespace {

// How long a missed wake-up can delay a change.
constexpr absl::Duration kPoll = absl::Seconds(1);

// Whether `head` may be a later one of the same history.
bool MayBeLater(const Head& head, const Head& than) {
  return head.store_id == than.store_id && head.epoch == than.epoch &&
         head.revision > than.revision;
}

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
  const absl::Time began = clock_->Monotonic();
  SB_ASSIGN_OR_RETURN(const HeadState state, store_->LoadHead());
  SB_ASSIGN_OR_RETURN(SnapshotPtr snapshot, builder_->Build(group_, state, nullptr));
  SB_RETURN_IF_ERROR(Publish(state.head, std::move(snapshot), began));
  thread_ = std::thread([this] { Run(); });
  return absl::OkStatus();
}

absl::Time Publisher::LastTick() const {
  return absl::FromUnixNanos(last_tick_nanos_.load(std::memory_order_relaxed));
}

PublishState Publisher::State() const {
  MutexLock lock(&mu_);
  return state_;
}

bool Publisher::Follows(const Head& head) const {
  MutexLock lock(&mu_);
  return !state_.unadopted && (SameHistory(head, followed_) || MayBeLater(head, followed_));
}

void Publisher::Run() {
  while (true) {
    last_tick_nanos_.store(absl::ToUnixNanos(clock_->Monotonic()), std::memory_order_relaxed);
    const absl::StatusOr<Head> head = store_->WaitForChange(head_, clock_->Monotonic() + kPoll);
    const absl::Status status = head.ok() ? Follow(*head) : head.status();
    if (!absl::IsCancelled(status)) Note(status);
    MutexLock lock(&mu_);
    if (!status.ok() && !stopping_) stop_.WaitFor(&mu_, absl::ToChronoNanoseconds(kPoll));
    if (stopping_) return;
  }
}

void Publisher::Note(const absl::Status& status) {
  {
    MutexLock lock(&mu_);
    state_.unadopted = refused_.has_value();
    if (status == state_.problem) return;
    if (state_.problem.ok()) state_.since = clock_->Now();
    const absl::Status before = std::exchange(state_.problem, status);
    // A server that is away says so in many words, one after the other.
    if (absl::IsUnavailable(before) && absl::IsUnavailable(status)) return;
  }
  observer_->OnPublishStatus(status);
}

absl::Status Publisher::Follow(const Head& head) {
  if (SameHistory(head, head_)) {
    refused_.reset();
    head_.control_seq = head.control_seq;
    return absl::OkStatus();
  }
  if (refused_.has_value() && refused_->head == head) return refused_->why;
  SB_RETURN_IF_ERROR(MayBeLater(head, head_) ? Advance() : Reload(Cause::kFork));
  head_.control_seq = head.control_seq;
  return absl::OkStatus();
}

absl::Status Publisher::Advance() {
  const absl::Time began = clock_->Monotonic();
  const absl::StatusOr<std::vector<RevisionChanges>> changes = store_->ChangesSince(head_.revision);
  if (absl::IsOutOfRange(changes.status())) return Reload(Cause::kPruned);
  SB_RETURN_IF_ERROR(changes.status());
  if (changes->empty()) return absl::OkStatus();
  // They follow another revision of the same number.
  if (changes->front().info.previous_digest != head_.digest) return Reload(Cause::kFork);
  SB_ASSIGN_OR_RETURN(SnapshotPtr snapshot, builder_->Advance(*served_, *changes));
  Head head = head_;
  head.revision = changes->back().info.revision;
  head.digest = changes->back().info.digest;
  return Publish(head, std::move(snapshot), began);
}

absl::Status Publisher::Reload(Cause cause) {
  const absl::Time began = clock_->Monotonic();
  // Before anything else is read of it: what another store holds may not be readable here.
  SB_ASSIGN_OR_RETURN(const Head found, store_->ReadHead());
  SB_ASSIGN_OR_RETURN(const bool adopted, Adopted(found));
  if (!adopted) {
    const absl::Status may = MayFollow(head_, found);
    if (!may.ok()) return Refuse(found, may);
  }
  SB_ASSIGN_OR_RETURN(const HeadState state, store_->LoadHead());
  if (state.head.store_id != found.store_id || state.head.epoch != found.epoch)
    return absl::UnavailableError("the database became another one while it was read");
  SB_ASSIGN_OR_RETURN(SnapshotPtr snapshot, builder_->Build(group_, state, served_));
  if (SameHistory(state.head, head_)) return absl::OkStatus();
  const bool fork = cause == Cause::kFork || !MayBeLater(state.head, head_);
  if (fork && !adopted) {
    const absl::Status may = MayFollow(builder_->registry(), *served_, *snapshot);
    if (!may.ok()) return Refuse(state.head, may);
  }
  const Head before = head_;
  SB_RETURN_IF_ERROR(Publish(state.head, std::move(snapshot), began));
  if (fork) {
    observer_->OnHistoryReplaced(
        before, state.head,
        adopted ? PublishObserver::Replaced::kAdopted : PublishObserver::Replaced::kFork);
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> Publisher::Adopted(const Head& found) const {
  for (const Head* head : {&head_, refused_.has_value() ? &refused_->head : nullptr}) {
    if (head == nullptr || head->epoch == found.epoch) continue;
    SB_ASSIGN_OR_RETURN(const bool ended, HasEnded(store_, head->epoch));
    if (ended) return true;
  }
  return false;
}

absl::Status Publisher::Refuse(const Head& found, absl::Status why) {
  refused_ = {found, std::move(why)};
  return refused_->why;
}

absl::Status Publisher::Publish(const Head& head, SnapshotPtr snapshot, absl::Time began) {
  if (head.revision == Revision{0}) {
    SB_ASSIGN_OR_RETURN(const bool meant, HasEnded(store_, std::nullopt));
    auto marked = std::make_shared<Snapshot>(*snapshot);
    marked->unproven = !meant;
    snapshot = std::move(marked);
  }
  head_ = head;
  refused_.reset();
  {
    MutexLock lock(&mu_);
    followed_ = head;
    state_.unadopted = false;
  }
  served_ = std::move(snapshot);
  cache_->Publish(served_);
  observer_->OnPublished(*served_, clock_->Monotonic() - began);
  return absl::OkStatus();
}

}  // namespace signalbox
