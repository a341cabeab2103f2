#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <thread>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "server/snapshot/snapshot.h"
#include "server/snapshot/snapshot_builder.h"
#include "server/snapshot/snapshot_cache.h"
#include "storage/resource_store.h"

namespace signalbox {

// Is told what the publisher does: for metrics and logs. Called on its thread.
class PublishObserver {
 public:
  virtual ~PublishObserver() = default;

  // A snapshot is being served from now on; `took` from the head that was read to the last watcher
  // told.
  virtual void OnPublished(const Snapshot& snapshot, absl::Duration took) = 0;
  // Publishing begins to fail, fails otherwise, or works again (an OK status). Meanwhile what is
  // served stays as it is; it is tried again every second. That the database is away is told once,
  // whatever it says.
  virtual void OnPublishStatus(const absl::Status& status) = 0;
  // The database has another history than what was served, and is followed from now on: `kFork`
  // without a word of anybody's (it was set back, or is another copy), so that acknowledged changes
  // may be lost; `kAdopted` because somebody has adopted or restored it.
  enum class Replaced { kFork, kAdopted };
  virtual void OnHistoryReplaced(const Head& before, const Head& now, Replaced how) = 0;
};

// How what is served stands to the database.
struct PublishState {
  absl::Status problem;    // why the database is not followed; OK where it is
  absl::Time since;        // when that began, on the wall clock
  bool unadopted = false;  // because it is not the one that is served: changes are refused
};

// The only bridge from the store to the snapshot cache: one thread that waits for the head to move,
// reads what changed, builds and publishes. Several commits may become one snapshot; on failure the
// last good one stays.
//
// A database that suddenly has another history is loaded whole and followed, so that only what
// differs is pushed. Not followed by itself is what MayFollow (adoption.h) refuses: that waits for
// `signalbox db adopt`, which ends an epoch in the database's control log, this instance's or the
// one that it refuses.
class Publisher {
 public:
  // All pointers must outlive this object.
  Publisher(NodeGroupName group, ResourceStore* store, const SnapshotBuilder* builder,
            SnapshotCache* cache, PublishObserver* observer, const Clock* clock);
  // Ends the thread. Quick once the store is closed, else within a second.
  ~Publisher();

  // Loads and publishes the head, then goes on in the background. Once. On an error, the store's or
  // the builder's, nothing is published and nothing goes on.
  absl::Status Start();

  // When the loop last came round, on the monotonic clock: what liveness is judged by. Safe from
  // any thread.
  absl::Time LastTick() const;

  // Safe from any thread.
  PublishState State() const SB_EXCLUDES(mu_);
  // Whether `head` is of the history that is served, at its revision or later: whether it is worth
  // remembering. Safe from any thread.
  bool Follows(const Head& head) const SB_EXCLUDES(mu_);

 private:
  // A database that is not followed, and why.
  struct Refused {
    Head head;
    absl::Status why;
  };
  enum class Cause { kFork, kPruned };

  void Run();
  // Serves what the store has at `head`, unless it is refused.
  absl::Status Follow(const Head& head);
  // Takes the revisions that follow what is served.
  absl::Status Advance();
  // Loads all there is. `cause`: why the revisions between are not there to be read.
  absl::Status Reload(Cause cause);
  // Whether somebody has said that the database at `found` is right.
  absl::StatusOr<bool> Adopted(const Head& found) const;
  absl::Status Refuse(const Head& found, absl::Status why);
  absl::Status Publish(const Head& head, SnapshotPtr snapshot, absl::Time began);
  void Note(const absl::Status& status) SB_EXCLUDES(mu_);

  const NodeGroupName group_;
  ResourceStore* const store_;
  const SnapshotBuilder* const builder_;
  SnapshotCache* const cache_;
  PublishObserver* const observer_;
  const Clock* const clock_;

  std::atomic<int64_t> last_tick_nanos_{0};

  mutable Mutex mu_;
  CondVar stop_;
  bool stopping_ SB_GUARDED_BY(mu_) = false;
  PublishState state_ SB_GUARDED_BY(mu_);
  Head followed_ SB_GUARDED_BY(mu_);  // what others see of head_

  // Of the thread alone, once it runs.
  Head head_;
  SnapshotPtr served_;
  std::optional<Refused> refused_;
  std::thread thread_;
};

}  // namespace signalbox
