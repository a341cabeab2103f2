#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/model/node.h"
#include "storage/node_history.h"

namespace signalbox {

// What every node history leaves out before it looks at the database: text beyond storage/limits.h,
// NUL in it or no UTF-8, no id, times that no calendar has. Pure.
//   kInvalidArgument  the text names the field
absl::Status CheckNode(const NodeRecord& node);
absl::Status CheckNack(const NackRecord& nack);
absl::Status CheckInstance(const InstanceRecord& instance);

// A batch without the rows that are refused, which `written` counts.
//   kInvalidArgument  more than limits::kMaxHistoryBatch rows
absl::StatusOr<NodeHistoryBatch> Acceptable(const NodeHistoryBatch& batch,
                                            NodeHistoryWritten* written);

}  // namespace signalbox
