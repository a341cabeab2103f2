#pragma once

#include <memory>

#include "server/snapshot/snapshot.h"

namespace signalbox {

// Is told of each new snapshot of a group.
class SnapshotWatcher {
 public:
  virtual ~SnapshotWatcher() = default;

  // Called on the publisher's thread, in the order of publication, with no lock held.
  virtual void OnSnapshot(const SnapshotPtr& snapshot) = 0;
};

// The reading face of the snapshot cache. Safe from any thread.
class SnapshotReader {
 public:
  virtual ~SnapshotReader() = default;

  // The newest snapshot of a group; null before the first one is published and for an unknown
  // group.
  virtual SnapshotPtr Current(const NodeGroupName& group) const = 0;

  // Registers a watcher, held weakly, and returns the newest snapshot in one step: whatever is
  // published later reaches the watcher. The watcher may be called before this returns. Null, and
  // nothing is registered, where there is none.
  virtual SnapshotPtr Watch(const NodeGroupName& group, std::weak_ptr<SnapshotWatcher> watcher) = 0;
};

}  // namespace signalbox
