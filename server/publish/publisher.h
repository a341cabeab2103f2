#pragma once

#include <atomic>
#include <cstdint>
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
  // served stays as it is; it is tried again every second.
  virtual void OnPublishStatus(const absl::Status& status) = 0;
};

// The only bridge from the store to the snapshot cache: one thread that waits for the head to move,
// reads what changed, builds and publishes. Several commits may become one snapshot; on failure the
// last good one stays.
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

 private:
  void Run();
  absl::Status Reload();
  absl::Status Advance();
  void Publish(const SnapshotPtr& snapshot, absl::Time began);

  const NodeGroupName group_;
  ResourceStore* const store_;
  const SnapshotBuilder* const builder_;
  SnapshotCache* const cache_;
  PublishObserver* const observer_;
  const Clock* const clock_;

  std::atomic<int64_t> last_tick_nanos_{0};

  Mutex mu_;
  CondVar stop_;
  bool stopping_ SB_GUARDED_BY(mu_) = false;

  // Of the thread alone, once it runs.
  Head head_;
  SnapshotPtr served_;
  std::thread thread_;
};

}  // namespace signalbox
