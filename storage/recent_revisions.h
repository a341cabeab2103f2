#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "absl/types/span.h"
#include "storage/model/change_set.h"
#include "storage/model/revision.h"

namespace signalbox {

// The last revisions before the head, kept by a store's writer so that a judge that stands a few
// revisions behind costs no read. Bounded by limits::kMaxRecentRevisions and
// limits::kMaxRecentBytes; the oldest go first. Used by one thread at a time.
class RecentRevisions {
 public:
  // Starts anew after `head`.
  void Reset(const Head& head);

  // Where it ends.
  const Head& head() const { return head_; }

  // What followed `after`, oldest first and up to head(); none where that is not all here. Valid
  // until the next call that is not const.
  std::optional<absl::Span<const RevisionChanges>> Since(Revision after) const;

  // The revision after head(). Several may be appended before any is dropped by Trim.
  void Append(RevisionChanges changes);

  // Drops the oldest beyond the limits.
  void Trim();

 private:
  Head head_;
  std::vector<RevisionChanges> revisions_;  // contiguous, ending at head_
  size_t bytes_ = 0;                        // of their bodies
};

}  // namespace signalbox
