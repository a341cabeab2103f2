#pragma once

#include <map>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "storage/model/node.h"
#include "storage/model/revision.h"
#include "storage/node_history.h"

namespace signalbox {

// What every node history decides alike, apart from its database. Pure.

// What is known of a node when an instance writes about it.
struct KnownNode {
  std::string instance;
  std::string group;
  NodeState state = NodeState::kIdle;
  absl::Time connected;
};

// Whether `next` may replace what is known. What another instance says of a stream that is gone, or
// older than the one known, is late: the node has moved on.
bool Replaces(const KnownNode& known, const NodeRecord& next);

// Whether a node's history gets a row.
bool IsChange(const std::optional<KnownNode>& known, const NodeRecord& next);

// Revisions by type as a JSON object, and back.
std::string AckedJson(const std::map<std::string, Revision>& acked);
//   kDataLoss  it is none
absl::StatusOr<std::map<std::string, Revision>> AckedIn(absl::string_view json);

// What a list of nodes and of refusals refuse.
//   kInvalidArgument  a text is none
absl::Status CheckNodeFilter(const NodeFilter& filter, const std::optional<NodePosition>& after);
absl::Status CheckNackFilter(const NackFilter& filter);
absl::Status CheckNodeId(absl::string_view id);

}  // namespace signalbox
