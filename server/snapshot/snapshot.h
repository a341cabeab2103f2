#pragma once

#include <memory>
#include <string>
#include <vector>

#include "server/snapshot/type_set.h"
#include "storage/model/revision.h"

namespace signalbox {

// Which proxies a snapshot is for.
struct NodeGroupName {
  std::string namespace_name;
  std::string group;

  friend bool operator==(const NodeGroupName&, const NodeGroupName&) = default;
  friend auto operator<=>(const NodeGroupName&, const NodeGroupName&) = default;
};

// Everything that one node group should have at one revision. Immutable.
struct Snapshot {
  NodeGroupName group;
  Revision revision;
  std::vector<TypeSetPtr> types;  // by ResourceType::index()
};

using SnapshotPtr = std::shared_ptr<const Snapshot>;

}  // namespace signalbox
