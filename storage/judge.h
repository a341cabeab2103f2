#pragma once

#include <vector>

#include "absl/status/status.h"
#include "storage/model/change_set.h"
#include "storage/model/revision.h"

namespace signalbox {

// Says whether a change set could be published on top of a head (STORAGE section 4). The store's
// writer asks it while it holds the head, so that validation cannot race the commit.
// Implementations are pure and quick, and safe from any thread.
class Judge {
 public:
  virtual ~Judge() = default;

  // Whether `changes` may follow `judged_on` and then `since`, the revisions committed after it, in
  // order. Any error refuses the commit and is returned to the caller as it is.
  virtual absl::Status Check(Revision judged_on, const std::vector<RevisionChanges>& since,
                             const ChangeSet& changes) const = 0;
};

}  // namespace signalbox
