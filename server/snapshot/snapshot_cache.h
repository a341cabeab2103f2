#pragma once

#include <map>
#include <memory>
#include <vector>

#include "base/mutex.h"
#include "server/snapshot/snapshot.h"
#include "server/snapshot/snapshot_reader.h"

namespace signalbox {

// The newest snapshot of each group, in memory: what every answer to a proxy comes from. Safe from
// any thread; calls nobody while locked.
class SnapshotCache : public SnapshotReader {
 public:
  SnapshotPtr Current(const NodeGroupName& group) const override SB_EXCLUDES(mu_);
  SnapshotPtr Watch(const NodeGroupName& group, std::weak_ptr<SnapshotWatcher> watcher) override
      SB_EXCLUDES(mu_);

  // Makes `snapshot` its group's newest and tells the group's watchers. One thread publishes.
  void Publish(const SnapshotPtr& snapshot) SB_EXCLUDES(mu_);

 private:
  struct Group {
    SnapshotPtr current;
    std::vector<std::weak_ptr<SnapshotWatcher>> watchers;
    size_t sweep_at = 64;  // watchers at which dead ones are taken out
  };

  mutable Mutex mu_;
  std::map<NodeGroupName, Group> groups_ SB_GUARDED_BY(mu_);
};

}  // namespace signalbox
