#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/hash.h"
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
  uint64_t epoch = 0;             // the store's, and ...
  Digest digest;                  // ... the chain's at `revision`: which history it is of
  // It is of an empty store, of which nobody said that it is meant to be empty: a proxy that has
  // something from elsewhere keeps it.
  bool unproven = false;
};

using SnapshotPtr = std::shared_ptr<const Snapshot>;

}  // namespace signalbox
