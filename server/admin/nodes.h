#pragma once

#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "server/admin/caller.h"
#include "server/fleet/node_status.h"
#include "signalbox/admin/v1/nodes.pb.h"
#include "storage/model/revision.h"

namespace signalbox {

// What the admin API says of the fleet.
struct FleetView {
  // Every node; in any order.
  std::function<std::vector<NodeStatus>()> nodes;
  // The revision that proxies should have; 0 before the first is loaded.
  std::function<Revision()> served;
  // Why the database is not followed; OK where it is. May be null: it is.
  std::function<absl::Status()> problem = nullptr;
};

// NodesService. Safe from any thread.
class NodesHandler {
 public:
  // The functions must be safe from any thread.
  explicit NodesHandler(FleetView fleet);

  // A page of the nodes, sorted by namespace, group, id, and by when they connected. Nodes that
  // come or go between two pages may be missed or not; none comes twice.
  //   kInvalidArgument  page size or page token
  absl::StatusOr<admin::v1::ListNodesResponse> List(const admin::v1::ListNodesRequest& request,
                                                    const Caller& caller);

 private:
  const FleetView fleet_;
};

// The state in the API's words.
admin::v1::NodeState ToProto(NodeState state);

}  // namespace signalbox
