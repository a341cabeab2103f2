#include "server/admin/snapshot_judge.h"

#include <utility>
#include <vector>

#include "base/error_details.h"
#include "base/status_macros.h"
#include "server/admin/errors.h"

namespace signalbox {
namespace {

class SnapshotJudge : public Judge {
 public:
  // `until_head`: what was committed between the snapshot and the head that the judge stands on.
  SnapshotJudge(const SnapshotBuilder* builder, SnapshotPtr snapshot,
                std::vector<RevisionChanges> until_head)
      : builder_(builder), snapshot_(std::move(snapshot)), until_head_(std::move(until_head)) {}

  absl::Status Check(Revision judged_on, absl::Span<const RevisionChanges> since,
                     const ChangeSet& changes) const override {
    if (until_head_.empty()) return builder_->Check(*snapshot_, since, changes);
    std::vector<RevisionChanges> all = until_head_;
    all.insert(all.end(), since.begin(), since.end());
    return builder_->Check(*snapshot_, all, changes);
  }

  std::vector<FieldViolation> Warnings(const ChangeSet& changes) const {
    return builder_->Warnings(*snapshot_, until_head_, changes);
  }

 private:
  const SnapshotBuilder* const builder_;
  const SnapshotPtr snapshot_;
  const std::vector<RevisionChanges> until_head_;
};

}  // namespace

JudgeSource JudgeBySnapshot(const SnapshotBuilder* builder, const SnapshotReader* snapshots,
                            NodeGroupName group, ResourceStore* store) {
  return [=]() -> absl::StatusOr<Judging> {
    const SnapshotPtr snapshot = snapshots->Current(group);
    if (snapshot == nullptr) return errors::NotLoadedYet();
    Revision head = snapshot->revision;
    std::vector<RevisionChanges> until_head;
    while (true) {
      absl::StatusOr<std::vector<RevisionChanges>> changes = store->ChangesSince(head);
      // The snapshot is of another history; the publisher is about to load the store anew.
      if (absl::IsOutOfRange(changes.status())) return errors::NotLoadedYet();
      SB_RETURN_IF_ERROR(changes.status());
      if (changes->empty()) break;
      // The same.
      if (until_head.empty() && changes->front().info.previous_digest != snapshot->digest)
        return errors::NotLoadedYet();
      head = changes->back().info.revision;
      for (RevisionChanges& revision : *changes) until_head.push_back(std::move(revision));
    }
    auto judge = std::make_shared<const SnapshotJudge>(builder, snapshot, std::move(until_head));
    return Judging{head, snapshot->epoch, judge,
                   [judge](const ChangeSet& changes) { return judge->Warnings(changes); }};
  };
}

}  // namespace signalbox
