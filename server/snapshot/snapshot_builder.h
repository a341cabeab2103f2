#pragma once

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/error_details.h"
#include "server/snapshot/snapshot.h"
#include "server/types/references.h"
#include "server/types/registry.h"
#include "storage/model/change_set.h"
#include "storage/model/resource.h"

namespace signalbox {

// What is done about a listener, route or cluster that names a route or cluster which is not there:
// Check refuses it, or Warnings tells of it. A proxy may have clusters of its own, in its
// bootstrap.
enum class DanglingReferences { kRefuse, kWarn };

// Rows to snapshots. Pure: the same rows give the same snapshot, and nothing is read from
// elsewhere. What Check lets through, Build and Advance publish. Safe from any thread.
//
// In all of them kInvalidArgument names the resource that cannot be published and why: a type that
// nobody knows, a body that is not its type's message, a name in the body that is not the
// resource's.
class SnapshotBuilder {
 public:
  // `registry` and `references` must outlive this object.
  SnapshotBuilder(const TypeRegistry* registry, const References* references,
                  DanglingReferences dangling = DanglingReferences::kRefuse);

  const TypeRegistry& registry() const { return *registry_; }

  // The snapshot of `group` from everything at the head. Fragments of `previous` (may be null) that
  // have the same content are used again.
  absl::StatusOr<SnapshotPtr> Build(const NodeGroupName& group, const HeadState& state,
                                    const SnapshotPtr& previous) const;

  // The snapshot that follows `base` by `changes`, in order; costs what they change.
  absl::StatusOr<SnapshotPtr> Advance(const Snapshot& base,
                                      const std::vector<RevisionChanges>& changes) const;

  // One resource as every snapshot has it that it is in.
  absl::StatusOr<FragmentPtr> FragmentOf(const Resource& resource) const;

  // Whether `changes` could be published on top of `base` and then `since`, and leaves nothing
  // without what it names (MissingReferences). What is published already is never refused for that:
  // Build and Advance do not look.
  absl::Status Check(const Snapshot& base, absl::Span<const RevisionChanges> since,
                     const ChangeSet& changes) const;

  // What Check lets through and yet a person should know: MissingReferences, with kWarn.
  std::vector<FieldViolation> Warnings(const Snapshot& base,
                                       absl::Span<const RevisionChanges> since,
                                       const ChangeSet& changes) const;

 private:
  // What there is before and after `changes`.
  struct Step {
    SnapshotPtr advanced;  // null where nothing came since the base
    SnapshotPtr after;
  };
  absl::StatusOr<Step> Take(const Snapshot& base, absl::Span<const RevisionChanges> since,
                            const ChangeSet& changes) const;
  absl::StatusOr<FragmentPtr> MakeFragment(const ResourceType& type,
                                           const Resource& resource) const;
  // Never null.
  absl::StatusOr<const ResourceType*> TypeOf(const ResourceKey& key) const;

  const TypeRegistry* const registry_;
  const References* const references_;
  const DanglingReferences dangling_;
};

}  // namespace signalbox
