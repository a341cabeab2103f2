#pragma once

#include "server/admin/judging.h"
#include "server/snapshot/snapshot_builder.h"
#include "server/snapshot/snapshot_reader.h"
#include "storage/resource_store.h"

namespace signalbox {

// Judges by a dry run: whether the builder could publish the change on top of the group's newest
// snapshot and what was committed after it. All must outlive what is returned and every judge it
// gives.
JudgeSource JudgeBySnapshot(const SnapshotBuilder* builder, const SnapshotReader* snapshots,
                            NodeGroupName group, ResourceStore* store);

}  // namespace signalbox
