#pragma once

#include <vector>

#include "server/snapshot/snapshot.h"
#include "storage/model/revision.h"

namespace signalbox {

// What one stream should have: a target for each type. Usually a snapshot's own sets; it may mix
// revisions.
struct View {
  Revision revision;
  std::vector<TypeSetPtr> targets;  // by ResourceType::index()
  bool unproven = false;            // Snapshot::unproven

  static View Of(const Snapshot& snapshot) {
    return {snapshot.revision, snapshot.types, snapshot.unproven};
  }
};

}  // namespace signalbox
