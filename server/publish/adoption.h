#pragma once

#include "absl/status/status.h"
#include "server/snapshot/snapshot.h"
#include "server/types/registry.h"
#include "storage/model/revision.h"

// What is not followed by itself where the database has another history than what is served: a
// wrong or an empty database must not empty the fleet (STORAGE section 6). Pure.
namespace signalbox {

// Whether a store with the head `found` may take the place of one of which `served` is served.
//   kFailedPrecondition  it is another store, or it is empty while something is served; the text
//                        says what to do
absl::Status MayFollow(const Head& served, const Head& found);

// The same by what a group would lose: limits::kMassDeleteShare.
//   kFailedPrecondition  too much; the text names it and says what to do
absl::Status MayFollow(const TypeRegistry& registry, const Snapshot& served, const Snapshot& found);

}  // namespace signalbox
