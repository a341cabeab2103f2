#pragma once

#include <cstdint>

#include "base/hash.h"
#include "storage/model/revision.h"

namespace signalbox {

// The one row of a store's `head`, as the backends read it.
struct HeadRow {
  Head head;
  Revision oldest;         // the oldest revision whose changes are kept; 1 in an empty store
  Digest oldest_digest;    // the chain's just below it
  int64_t outbox_seq = 0;  // of the last row that was ever added to the outbox

  // Whether the changes after `revision` are all kept (and none, at the head).
  bool Reaches(Revision revision) const { return revision >= Below() && revision <= head.revision; }
  // The revision just below the oldest one kept.
  Revision Below() const { return Revision{oldest.number - 1}; }
};

}  // namespace signalbox
