#pragma once

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "storage/model/change_set.h"
#include "storage/model/revision.h"

namespace signalbox {

// Says whether a change set could be published on top of a head (STORAGE section 4). The store's
// writer asks it while it holds the head, so that validation cannot race the commit.
// Implementations are pure and quick, and safe from any thread.
class Judge {
 public:
  virtual ~Judge() = default;

  // Whether `changes` may follow `judged_on` and then `since`, the revisions after it, in order;
  // the last ones may be about to be committed in the same transaction. Any error refuses the
  // commit and is returned to the caller as it is.
  virtual absl::Status Check(Revision judged_on, absl::Span<const RevisionChanges> since,
                             const ChangeSet& changes) const = 0;
};

}  // namespace signalbox
