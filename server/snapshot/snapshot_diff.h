#pragma once

#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/mutex.h"
#include "server/snapshot/type_set.h"

namespace signalbox {

// What changed between two sets of one type, sorted by name. Immutable.
struct SnapshotDiff {
  struct Change {
    FragmentPtr before;  // null: the name is new
    FragmentPtr after;   // null: the name is gone

    const std::string& name() const { return after != nullptr ? after->name() : before->name(); }
  };
  std::vector<Change> changes;
};

using SnapshotDiffPtr = std::shared_ptr<const SnapshotDiff>;

// Computes each difference once and shares it with every stream at the same pair of sets. Keeps the
// newest few. Safe from any thread; streams call it while they hold their own lock.
class DiffCache {
 public:
  SnapshotDiffPtr Between(const TypeSetPtr& from, const TypeSetPtr& to) SB_EXCLUDES(mu_);

 private:
  struct Entry {
    TypeSetPtr from;
    TypeSetPtr to;
    SnapshotDiffPtr diff;
  };

  Mutex mu_;
  std::deque<Entry> entries_ SB_GUARDED_BY(mu_);  // newest first
};

}  // namespace signalbox
