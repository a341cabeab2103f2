#pragma once

#include <vector>

#include "base/error_details.h"
#include "server/snapshot/snapshot.h"
#include "server/types/registry.h"
#include "storage/model/change_set.h"

namespace signalbox {

// What `changes`, which lead from `before` to `after`, leave without what it names, in the group of
// the two: a listener, route or cluster of `changes` that names a route or cluster which `after`
// does not have, and one that was there before and names what the changes take away. What was so
// before is none of theirs. Endpoints and secrets may come later. At most a hundred are told. Costs
// what changes, and a look at every listener, route and cluster where something that can be named
// is taken away. Pure.
std::vector<FieldViolation> MissingReferences(const TypeRegistry& registry, const Snapshot& before,
                                              const Snapshot& after, const ChangeSet& changes);

}  // namespace signalbox
