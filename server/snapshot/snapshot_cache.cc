#include "server/snapshot/snapshot_cache.h"

#include <algorithm>
#include <utility>

namespace signalbox {
namespace {

void Sweep(std::vector<std::weak_ptr<SnapshotWatcher>>* watchers) {
  watchers->erase(
      std::remove_if(watchers->begin(), watchers->end(), [](const auto& w) { return w.expired(); }),
      watchers->end());
}

}  // namespace

SnapshotPtr SnapshotCache::Current(const NodeGroupName& group) const {
  MutexLock lock(&mu_);
  const auto found = groups_.find(group);
  return found == groups_.end() ? nullptr : found->second.current;
}

SnapshotPtr SnapshotCache::Watch(const NodeGroupName& group,
                                 std::weak_ptr<SnapshotWatcher> watcher) {
  MutexLock lock(&mu_);
  const auto found = groups_.find(group);
  if (found == groups_.end()) return nullptr;
  Group& entry = found->second;
  if (entry.watchers.size() >= entry.sweep_at) {
    Sweep(&entry.watchers);
    entry.sweep_at = std::max<size_t>(64, 2 * entry.watchers.size());
  }
  entry.watchers.push_back(std::move(watcher));
  return entry.current;
}

void SnapshotCache::Publish(const SnapshotPtr& snapshot) {
  std::vector<std::weak_ptr<SnapshotWatcher>> watchers;
  SnapshotPtr previous;  // ends outside the lock
  {
    MutexLock lock(&mu_);
    Group& entry = groups_[snapshot->group];
    previous = std::exchange(entry.current, snapshot);
    Sweep(&entry.watchers);
    watchers = entry.watchers;
  }
  for (const auto& weak : watchers) {
    if (const auto watcher = weak.lock()) watcher->OnSnapshot(snapshot);
  }
}

}  // namespace signalbox
