#include "server/snapshot/snapshot_diff.h"

namespace signalbox {
namespace {

// Streams are at a handful of pairs at a time: the newest change of each type, and stragglers.
constexpr size_t kEntries = 32;

SnapshotDiffPtr Compute(const TypeSet& from, const TypeSet& to) {
  auto diff = std::make_shared<SnapshotDiff>();
  TypeSet::VisitDifferences(from, to, [&](const FragmentPtr* before, const FragmentPtr* after) {
    diff->changes.push_back(
        {before == nullptr ? nullptr : *before, after == nullptr ? nullptr : *after});
  });
  return diff;
}

}  // namespace

SnapshotDiffPtr DiffCache::Between(const TypeSetPtr& from, const TypeSetPtr& to) {
  {
    MutexLock lock(&mu_);
    for (const Entry& entry : entries_) {
      if (entry.from == from && entry.to == to) return entry.diff;
    }
  }
  // Computed without the lock: two streams may do the same work once, none waits for it.
  SnapshotDiffPtr diff = Compute(*from, *to);
  Entry dropped;  // ends outside the lock
  MutexLock lock(&mu_);
  entries_.push_front({from, to, diff});
  if (entries_.size() > kEntries) {
    dropped = std::move(entries_.back());
    entries_.pop_back();
  }
  return diff;
}

}  // namespace signalbox
